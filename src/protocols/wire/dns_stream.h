// DNS over TCP in one direction: messages with their length before them (RFC 1035, 4.2.2; RFC 7766, 8), however the
// stream is divided.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/cursor.h"
#include "protocols/wire/dns_message.h"

namespace microcloud {

class DnsStream {
 public:
  static constexpr size_t kMaxKept = 16384;  // octets of one message, its length included

  /// Calls take(message) for each message that ends in this segment. Of a long one only the beginning is kept.
  template <typename Take>
  void read(Bytes bytes, const Take& take) {
    if (lost_ && !begins_message(bytes)) return;
    lost_ = false;
    while (!bytes.empty()) {
      if (skip_ != 0) {
        skip_ -= cut_off(bytes, skip_).size();
      } else if (kept_.empty() && bytes.size() >= 2 && bytes.size() >= 2U + load_be16(bytes.data())) {
        const Bytes message = cut_off(bytes, 2U + load_be16(bytes.data()));  // nothing to put together
        take(message.first(std::min(message.size(), kMaxKept)).subspan(2));
      } else {
        collect(bytes, take);
      }
    }
  }

  /// Octets are missing: the next segment that begins like a message is read on from.
  void lose_place() {
    lost_ = true;
    kept_.clear();
    skip_ = 0;
  }

 private:
  static Bytes cut_off(Bytes& bytes, size_t count) {
    const Bytes taken = bytes.first(std::min(count, bytes.size()));
    bytes = bytes.subspan(taken.size());
    return taken;
  }
  /// Where the place in the stream is unknown: does a segment begin with the head of a message?
  static bool begins_message(Bytes bytes) {
    Cursor in(bytes);
    const uint16_t length = in.u16();
    in.skip(2);
    const uint16_t flags = in.u16();
    const uint16_t questions = in.u16();
    return in.ok() && length >= kDnsHeaderOctets && (flags & dns_flag::kUnused) == 0 && questions <= 1;
  }
  template <typename Take>
  void collect(Bytes& bytes, const Take& take) {
    const auto wanted = [this] {
      return kept_.size() < 2 ? size_t{2} : std::min(size_t{2} + load_be16(kept_.data()), kMaxKept);
    };
    while (!bytes.empty() && kept_.size() < wanted()) {
      const Bytes more = cut_off(bytes, wanted() - kept_.size());
      kept_.insert(kept_.end(), more.begin(), more.end());
    }
    if (kept_.size() < wanted()) return;
    take(Bytes(kept_).subspan(2));
    skip_ = size_t{2} + load_be16(kept_.data()) - kept_.size();
    kept_.clear();
  }

  std::vector<uint8_t> kept_;  // of a message that has not ended, with its length
  size_t skip_ = 0;            // octets of a long message still to come
  bool lost_ = false;
};

}  // namespace microcloud
