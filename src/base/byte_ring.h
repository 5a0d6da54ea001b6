// A bounded ring of messages of any size between one producer and one consumer thread.
#pragma once

#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace microcloud {

/// Messages are contiguous and 16-byte aligned. The producer reserves, fills in place and commits; what it committed is
/// seen by the consumer after publish() (once a burst). Neither side ever blocks: a full ring answers nullptr.
class ByteRing {
 public:
  /// `capacity` in bytes, rounded up to a power of two. A message may take at most half of it.
  explicit ByteRing(size_t capacity);
  ~ByteRing();
  ByteRing(const ByteRing&) = delete;
  ByteRing& operator=(const ByteRing&) = delete;

  /// Producer: room for one message of `size` bytes, or nullptr when the ring is full.
  uint8_t* reserve(size_t size);
  /// Producer: the reserved message is complete (a smaller final size is allowed).
  void commit(size_t size);
  /// Producer: lets the consumer see everything committed so far.
  void publish() { tail_.store(write_, std::memory_order_release); }

  /// Consumer: the next message, or nullptr. It stays valid until release().
  uint8_t* read(size_t& size);
  /// Consumer: what read() gives next. It stays beyond release().
  uint8_t* peek(size_t& size);
  /// Consumer: gives the room of all messages read so far back to the producer.
  void release() { head_.store(read_, std::memory_order_release); }
  /// Either side: nothing published is waiting.
  bool empty() const { return head_.load(std::memory_order_acquire) == tail_.load(std::memory_order_acquire); }
  /// Either side: bytes published and not yet released.
  size_t held() const { return tail_.load(std::memory_order_acquire) - head_.load(std::memory_order_acquire); }
  size_t capacity() const { return mask_ + 1; }

 private:
  struct Header {
    uint32_t size;    // of the payload
    uint32_t stride;  // to the next header; payload absent when skip is set
    uint32_t skip;    // 1: filler up to the end of the buffer
    uint32_t unused;
  };

  static constexpr size_t kAlign = 16;
  static constexpr size_t round_up(size_t size) { return (size + kAlign - 1) & ~(kAlign - 1); }

  uint8_t* buffer_;
  size_t mask_;
  alignas(64) std::atomic<size_t> tail_{0};
  size_t write_ = 0;      // producer's own: bytes committed
  size_t head_seen_ = 0;  // producer's last look at head_
  size_t reserved_ = 0;   // stride reserved at write_
  alignas(64) std::atomic<size_t> head_{0};
  size_t read_ = 0;       // consumer's own: bytes read, perhaps not yet released
  size_t tail_seen_ = 0;  // consumer's last look at tail_
};

inline uint8_t* ByteRing::reserve(size_t size) {
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

inline void ByteRing::commit(size_t size) {
  const size_t stride = sizeof(Header) + round_up(size);
  assert(stride <= reserved_);
  const Header header{static_cast<uint32_t>(size), static_cast<uint32_t>(stride), 0, 0};
  std::memcpy(buffer_ + (write_ & mask_), &header, sizeof header);
  write_ += stride;
  reserved_ = 0;
}

inline uint8_t* ByteRing::peek(size_t& size) {
  for (;;) {
    if (read_ == tail_seen_) {
      tail_seen_ = tail_.load(std::memory_order_acquire);
      if (read_ == tail_seen_) return nullptr;
    }
    uint8_t* const at = buffer_ + (read_ & mask_);
    Header header;
    std::memcpy(&header, at, sizeof header);
    if (header.skip == 0) {
      size = header.size;
      return at + sizeof(Header);
    }
    read_ += header.stride;
  }
}

inline uint8_t* ByteRing::read(size_t& size) {
  uint8_t* const message = peek(size);
  if (message != nullptr) read_ += sizeof(Header) + round_up(size);
  return message;
}

}  // namespace microcloud
