#include "base/byte_ring.h"

#include <bit>
#include <cassert>
#include <cstring>
#include <new>

namespace microcloud {
namespace {

constexpr size_t kAlign = 16;

size_t round_up(size_t size) {
  return (size + kAlign - 1) & ~(kAlign - 1);
}

}  // namespace

ByteRing::ByteRing(size_t capacity)
    : buffer_(static_cast<uint8_t*>(::operator new(std::bit_ceil(capacity), std::align_val_t{64}))),
      mask_(std::bit_ceil(capacity) - 1) {}

ByteRing::~ByteRing() {
  ::operator delete(buffer_, std::align_val_t{64});
}

uint8_t* ByteRing::reserve(size_t size) {
  const size_t stride = sizeof(Header) + round_up(size);
  assert(stride <= capacity() / 2);
  const size_t to_end = capacity() - (write_ & mask_);
  const size_t filler = stride > to_end ? to_end : 0;
  if (write_ + filler + stride - head_seen_ > capacity()) {
    head_seen_ = head_.load(std::memory_order_acquire);
    if (write_ + filler + stride - head_seen_ > capacity()) return nullptr;
  }
  if (filler > 0) {
    const Header header{0, static_cast<uint32_t>(filler), 1, 0};
    std::memcpy(buffer_ + (write_ & mask_), &header, sizeof header);
    write_ += filler;
  }
  reserved_ = stride;
  return buffer_ + (write_ & mask_) + sizeof(Header);
}

void ByteRing::commit(size_t size) {
  const size_t stride = sizeof(Header) + round_up(size);
  assert(stride <= reserved_);
  const Header header{static_cast<uint32_t>(size), static_cast<uint32_t>(stride), 0, 0};
  std::memcpy(buffer_ + (write_ & mask_), &header, sizeof header);
  write_ += stride;
  reserved_ = 0;
}

uint8_t* ByteRing::read(size_t& size) {
  for (;;) {
    if (read_ == tail_seen_) {
      tail_seen_ = tail_.load(std::memory_order_acquire);
      if (read_ == tail_seen_) return nullptr;
    }
    uint8_t* const at = buffer_ + (read_ & mask_);
    Header header;
    std::memcpy(&header, at, sizeof header);
    read_ += header.stride;
    if (header.skip == 0) {
      size = header.size;
      return at + sizeof(Header);
    }
  }
}

}  // namespace microcloud
