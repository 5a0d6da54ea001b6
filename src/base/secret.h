// Secrets come from a file that only its owner can read, from the environment, or from systemd's credentials: never
// from a command line, which everyone on the machine can see.
#pragma once

#include <string>

namespace microcloud {

/// The first line of `file`, which others may read only if it is a systemd credential. Throws std::runtime_error, one
/// sentence: it cannot be read, others may read it, it is empty or longer than a secret is.
std::string read_secret(const std::string& file);

/// From `file` when it is named; else from the environment's `variable`; else from `credential` in
/// $CREDENTIALS_DIRECTORY (systemd's LoadCredential=). Empty: there is none. Throws as read_secret() does.
std::string find_secret(const std::string& file, const char* variable, const char* credential);

}  // namespace microcloud
