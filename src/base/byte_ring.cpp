#include "base/byte_ring.h"

#include <bit>
#include <new>

namespace microcloud {

ByteRing::ByteRing(size_t capacity)
    : buffer_(static_cast<uint8_t*>(::operator new(std::bit_ceil(capacity), std::align_val_t{64}))),
      mask_(std::bit_ceil(capacity) - 1) {}

ByteRing::~ByteRing() {
  ::operator delete(buffer_, std::align_val_t{64});
}

}  // namespace microcloud
