// Addresses as keys of hash maps that a sender cannot fill with collisions.
#pragma once

#include "base/address.h"
#include "base/hash.h"

namespace microcloud {

struct IpAddressHash {
  HashSeed seed;
  size_t operator()(const IpAddress& address) const {
    uint64_t high, low;
    std::memcpy(&high, address.bytes.data(), 8);
    std::memcpy(&low, address.bytes.data() + 8, 8);
    return hash_words(seed, high, low, address.version);
  }
};

}  // namespace microcloud
