#include "base/hash.h"

#include <random>

namespace microcloud {

HashSeed HashSeed::random() {
  std::random_device device;
  const auto word = [&device] { return static_cast<uint64_t>(device()) << 32 | device(); };
  return {word() | 1U, word() | 1U};
}

}  // namespace microcloud
