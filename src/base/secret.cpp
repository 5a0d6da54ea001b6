#include "base/secret.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace microcloud {
namespace {

constexpr size_t kLongest = 1024;

/// systemd gives credentials to this service alone, whatever their mode.
std::string first_line(const std::string& file, bool must_be_private) {
  const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw std::runtime_error("cannot read the secret in " + file + ": " + std::strerror(errno));
  struct stat facts {};
  char bytes[kLongest + 1];
  const bool known = fstat(fd, &facts) == 0;
  const ssize_t count = read(fd, bytes, sizeof bytes);
  close(fd);
  if (!known || count < 0 || !S_ISREG(facts.st_mode))
    throw std::runtime_error("cannot read the secret in " + file + ": it is no file");
  if (must_be_private && (facts.st_mode & 0077) != 0)
    throw std::runtime_error("the secret in " + file + " can be read by others: chmod 600 " + file);
  const std::string text(bytes, static_cast<size_t>(count));
  const std::string line = text.substr(0, text.find_first_of("\r\n"));
  if (line.empty()) throw std::runtime_error("there is no secret in the first line of " + file);
  if (line.size() >= kLongest) throw std::runtime_error("the first line of " + file + " is too long for a secret");
  return line;
}

}  // namespace

std::string read_secret(const std::string& file) {
  const char* folder = std::getenv("CREDENTIALS_DIRECTORY");
  return first_line(file, folder == nullptr || !file.starts_with(std::string(folder) + "/"));
}

std::string find_secret(const std::string& file, const char* variable, const char* credential) {
  if (!file.empty()) return read_secret(file);
  if (const char* value = std::getenv(variable); value != nullptr && *value != '\0') return value;
  const char* folder = std::getenv("CREDENTIALS_DIRECTORY");
  if (folder == nullptr) return {};
  const std::string path = std::string(folder) + "/" + credential;
  return access(path.c_str(), F_OK) == 0 ? first_line(path, false) : "";
}

}  // namespace microcloud
