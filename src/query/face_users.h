// Who may ask a probe's face: a file of users in a subset of Redis' own ACL syntax
// (https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "resp/glob.h"

namespace microcloud {

/// One line a user: `user NAME on >PASSWORD ~PATTERN &PATTERN`. Also: `off`, `#SHA256` in hexadecimal for a password,
/// %R~PATTERN, allkeys, allchannels, +@all and +@read (the face is read only: both mean its commands), `#` comments.
class FaceUsers {
 public:
  /// Throws std::runtime_error: FILE:LINE and what is wrong; others than its owner may read the file.
  static FaceUsers read(const std::string& file);

  bool authenticate(std::string_view user, std::string_view password) const;
  bool may_read(std::string_view user, std::string_view key) const;
  bool may_subscribe(std::string_view user, std::string_view channel) const;
  /// As with Redis a pattern must stand in the user's line as it is; allchannels allows all.
  bool may_subscribe_pattern(std::string_view user, std::string_view pattern) const;
  /// Whether the user's line is the same in both files.
  bool same(const FaceUsers& other, std::string_view user) const;

 private:
  struct User {
    void allow_channels(const std::string& pattern);

    std::string name;
    std::string line;  // its digest
    bool on = false;
    std::vector<std::string> digests;  // SHA-256 of passwords, hexadecimal
    std::vector<resp::Glob> keys;
    std::vector<resp::Glob> channels;
    std::vector<std::string> channel_patterns;  // the same, as they are written
  };
  const User* find(std::string_view name) const;
  static User parse(const std::string& line);

  std::vector<User> users_;
};

}  // namespace microcloud
