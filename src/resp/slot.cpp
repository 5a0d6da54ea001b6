#include "resp/slot.h"

#include <array>

namespace microcloud::resp {
namespace {

constexpr std::array<uint16_t, 256> make_table() {
  std::array<uint16_t, 256> table{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    unsigned crc = byte << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000) != 0 ? crc << 1 ^ 0x1021 : crc << 1;
    table[byte] = static_cast<uint16_t>(crc);
  }
  return table;
}

constexpr std::array<uint16_t, 256> kTable = make_table();

std::string_view hashed_part(std::string_view key) {
  const size_t open = key.find('{');
  if (open == std::string_view::npos) return key;
  const size_t close = key.find('}', open + 1);
  if (close == std::string_view::npos || close == open + 1) return key;
  return key.substr(open + 1, close - open - 1);
}

}  // namespace

Slot slot_of(std::string_view key) {
  unsigned crc = 0;
  for (const char c : hashed_part(key)) crc = (crc << 8 & 0xffff) ^ kTable[(crc >> 8) ^ static_cast<uint8_t>(c)];
  return static_cast<Slot>(crc & (kSlots - 1));
}

}  // namespace microcloud::resp
