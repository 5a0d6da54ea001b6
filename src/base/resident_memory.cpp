#include "base/resident_memory.h"

#include <unistd.h>

#include <fstream>

namespace microcloud {

std::optional<uint64_t> resident_bytes() {
  std::ifstream in("/proc/self/statm");
  uint64_t whole = 0;  // in pages, as the next one
  uint64_t resident = 0;
  if (!(in >> whole >> resident)) return std::nullopt;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace microcloud
