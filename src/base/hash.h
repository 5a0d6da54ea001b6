// A keyed 64-bit mix for hash tables whose keys peers choose: multiply 64x64 to 128 bits and fold, twice.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace microcloud {

inline uint64_t fold_multiply(uint64_t a, uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

/// The secret of one table, so that nobody outside can choose keys that collide in it.
struct HashSeed {
  uint64_t a = 0x9e3779b97f4a7c15;
  uint64_t b = 0xe7037ed1a0b428db;
  static HashSeed random();
};

inline uint64_t hash_words(const HashSeed& seed, uint64_t w0, uint64_t w1, uint64_t w2) {
  return fold_multiply(fold_multiply(w0 ^ seed.a, w1 ^ seed.b) ^ seed.b, w2 ^ seed.a);
}

inline uint64_t hash_words(const HashSeed& seed, uint64_t w0, uint64_t w1, uint64_t w2, uint64_t w3, uint64_t w4) {
  return fold_multiply(fold_multiply(w0 ^ seed.b, w1 ^ seed.a) ^ w4, fold_multiply(w2 ^ seed.a, w3 ^ seed.b) ^ seed.a);
}

inline uint64_t hash_text(const HashSeed& seed, std::string_view text) {
  uint64_t sum = text.size() ^ seed.a;
  while (text.size() >= 8) {
    uint64_t word;
    std::memcpy(&word, text.data(), 8);
    sum = fold_multiply(sum ^ word, seed.b);
    text.remove_prefix(8);
  }
  uint64_t rest = 0;
  if (!text.empty()) std::memcpy(&rest, text.data(), text.size());
  return fold_multiply(fold_multiply(sum ^ rest, seed.b), seed.a ^ sum);
}

}  // namespace microcloud
