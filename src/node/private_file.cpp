#include "node/private_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <stdexcept>

namespace microcloud::node {

void write_private_file(const std::string& file, std::string_view text) {
  const std::string fresh = file + ".new";
  unlink(fresh.c_str());  // left behind by one that was killed
  const int fd = open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  const bool written = fd >= 0 && write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int error = errno;
  if (fd >= 0) close(fd);
  if (!written) throw std::runtime_error("cannot write " + fresh + ": " + std::strerror(error));
  if (rename(fresh.c_str(), file.c_str()) != 0)
    throw std::runtime_error("cannot write " + file + ": " + std::strerror(errno));
}

void make_private_folder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!error) std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  if (error) throw std::runtime_error("cannot use the directory " + folder + ": " + error.message());
}

}  // namespace microcloud::node
