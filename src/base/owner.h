// Which of several workers owns a flow: symmetric, and simple enough that the kernel's fanout can compute it too.
#pragma once

#include <cstdint>

#include "base/cursor.h"

namespace microcloud {

/// `words`: 4 bytes (IPv4) or 16 bytes (IPv6) of each address; ports in host order, zero for a protocol without ports
/// and for every fragment. The same for both directions. capture/'s fanout program computes just this on plain packets.
inline uint32_t owner_hash(const uint8_t* a, const uint8_t* b, unsigned address_bytes, uint16_t port_a,
                           uint16_t port_b) {
  uint32_t mixed = 0;
  for (unsigned at = 0; at < address_bytes; at += 4) mixed ^= load_be32(a + at) ^ load_be32(b + at);
  mixed ^= static_cast<uint32_t>(port_a) + port_b;
  return mixed * 0x9e3779b1U >> 16;
}

inline unsigned owner_of(uint32_t hash, unsigned workers) {
  return hash % workers;
}

}  // namespace microcloud
