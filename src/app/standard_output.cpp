#include "app/standard_output.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace microcloud {

void print(const std::string& text) {
  errno = 0;
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) return;
  if (errno == EPIPE) throw ClosedOutput();
  throw std::runtime_error(std::string("cannot write to standard output: ") + std::strerror(errno));
}

}  // namespace microcloud
