// A bounded ring of messages of any size between one producer and one consumer thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

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

}  // namespace microcloud
