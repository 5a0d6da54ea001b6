// Who may do what on a node: the users, their generated secrets, and the ACL file that Redis reads (Redis 7 ACL rules).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace microcloud::node {

/// In the order in which they are documented. `rules` are ACL rules; "TREES" in them stands for every tree of the keys.
struct User {
  const char* name;
  const char* job;
  const char* rules;
};
std::span<const User> users();

/// Names and secrets, in the order of users().
using Secrets = std::vector<std::pair<std::string, std::string>>;

/// One file a user, DIRECTORY/secrets/NAME, which only its owner may read: what is there is kept, what is missing is
/// made of 24 random bytes. Throws std::runtime_error: it cannot be read or written, or others may read it.
Secrets keep_secrets(const std::string& directory);

/// The secret of a user that is there.
const std::string& secret_of(const Secrets& secrets, std::string_view name);

/// The ACL file: secrets as SHA-256, and nobody else comes in.
std::string acl_text(const Secrets& secrets);

}  // namespace microcloud::node
