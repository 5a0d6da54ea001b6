// Packets behind heads that tell their length, in one direction of a TCP stream: what protocols have that are not made
// of lines.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/cursor.h"

namespace microcloud {

/// `Head` is what is known of a packet's head, and has:
///   static constexpr size_t kOctets;         // of a head on the wire
///   bool read(const uint8_t* octets, bool continues);  // false: it is none. `continues`: the packet goes on
///   uint32_t body = 0;                       // octets behind the head
///   bool goes_on = false;                    // the next head and body belong to this packet, too
template <typename Head>
class FramedPackets {
 public:
  struct Packet {
    Head head;
    Bytes bytes;          // of the body, as many as are kept; valid until the next call, and as long as the bytes given
    uint64_t octets = 0;  // of the body on the wire
    bool has_hole = false;  // octets of it were not captured; none behind the first of them is in `bytes`
    int64_t first_us = 0;   // time of its first and of its last octet
    int64_t last_us = 0;

    bool is_kept() const { return bytes.size() == octets; }
  };

  explicit FramedPackets(size_t most_kept) : most_kept_(most_kept) {}

  /// The next packet that is complete, and removes it from `bytes`; nothing: all was read, or is_broken().
  std::optional<Packet> next(Bytes& bytes, int64_t time_us) {
    while (!is_broken_ && (!bytes.empty() || in_body_)) {
      if (!in_body_ && !read_head(bytes, time_us)) return std::nullopt;
      packet_.last_us = time_us;
      const bool is_here = !continued_ && !packet_.head.goes_on && left_ == packet_.head.body && left_ <= bytes.size();
      const Bytes part = take(bytes, left_);
      left_ -= static_cast<uint32_t>(part.size());
      if (is_here) {
        packet_.octets = part.size();
        packet_.bytes = part.first(std::min(part.size(), most_kept_));
      } else {
        keep(part);
        packet_.bytes = kept_;
      }
      if (left_ != 0) return std::nullopt;
      in_body_ = false;
      continued_ = packet_.head.goes_on;
      if (!continued_) return packet_;
    }
    return std::nullopt;
  }

  /// So many octets come not at all. False: the end of a packet is among them, and nobody knows where the next begins.
  bool skip(uint64_t octets) {
    if (octets == 0) return true;
    if (!in_body_ || octets > left_) return false;
    left_ -= static_cast<uint32_t>(octets);
    packet_.octets += octets;
    packet_.has_hole = true;
    return true;
  }

  /// What was read as a head is none: nothing is read until begin_anew().
  bool is_broken() const { return is_broken_; }
  /// What comes next begins a packet.
  void begin_anew() {
    in_body_ = continued_ = is_broken_ = false;
    head_length_ = 0;
    left_ = 0;
  }
  /// What lasts from one head to the next.
  Head& head() { return packet_.head; }

 private:
  static Bytes take(Bytes& bytes, size_t count) {
    const Bytes taken = bytes.first(std::min(count, bytes.size()));
    bytes = bytes.subspan(taken.size());
    return taken;
  }

  bool read_head(Bytes& bytes, int64_t time_us) {
    if (head_length_ == 0 && !continued_) packet_.first_us = time_us;
    const Bytes more = take(bytes, Head::kOctets - head_length_);
    std::copy(more.begin(), more.end(), octets_.begin() + static_cast<std::ptrdiff_t>(head_length_));
    head_length_ += more.size();
    if (head_length_ < Head::kOctets) return false;
    head_length_ = 0;
    is_broken_ = !packet_.head.read(octets_.data(), continued_);
    if (is_broken_) return false;
    left_ = packet_.head.body;
    in_body_ = true;
    if (continued_) return true;
    packet_.octets = 0;
    packet_.has_hole = false;
    kept_.clear();
    return true;
  }

  void keep(Bytes part) {
    packet_.octets += part.size();
    if (packet_.has_hole || kept_.size() >= most_kept_) return;
    const Bytes kept = part.first(std::min(part.size(), most_kept_ - kept_.size()));
    kept_.insert(kept_.end(), kept.begin(), kept.end());
  }

  size_t most_kept_;
  size_t head_length_ = 0;
  std::array<uint8_t, Head::kOctets> octets_{};
  bool in_body_ = false;
  bool continued_ = false;  // the body at hand follows another one of the same packet
  bool is_broken_ = false;
  uint32_t left_ = 0;  // octets of the body at hand still to come
  Packet packet_;
  std::vector<uint8_t> kept_;
};

/// One direction of a connection made of such packets.
template <typename Head>
struct FramedSide {
  explicit FramedSide(size_t most_kept) : packets(most_kept) {}
  FramedPackets<Head> packets;
  bool in_step = true;  // it is known where packets begin
};

}  // namespace microcloud
