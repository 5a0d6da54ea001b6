// What the fragments of one datagram have in common (RFC 791, 3.2; RFC 8200, 4.5).
#pragma once

#include <array>
#include <cstdint>

#include "base/hash.h"
#include "packet/packet.h"

namespace microcloud {

struct FragmentId {
  std::array<uint64_t, 4> ends;  // source, destination
  uint32_t identification;
  uint8_t version;
  uint8_t protocol;
  bool operator==(const FragmentId&) const = default;
};

struct FragmentIdHash {
  HashSeed seed;
  size_t operator()(const FragmentId& id) const {
    return hash_words(
        seed, id.ends[0], id.ends[1], id.ends[2], id.ends[3],
        static_cast<uint64_t>(id.identification) << 16 | static_cast<uint64_t>(id.version) << 8 | id.protocol);
  }
};

}  // namespace microcloud
