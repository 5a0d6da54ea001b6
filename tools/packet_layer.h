// Inside the packet builder: a draft of a frame that grows from the inside out, and a writer in network byte order.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/cursor.h"

namespace microcloud::tools {

/// Appends numbers in network byte order.
class Writer {
 public:
  Writer& u8(unsigned value) {
    out_.push_back(static_cast<uint8_t>(value));
    return *this;
  }
  Writer& u16(unsigned value) { return u8(value >> 8).u8(value); }
  Writer& u24(uint32_t value) { return u8(value >> 16).u16(value & 0xffff); }
  Writer& u32(uint32_t value) { return u16(value >> 16).u16(value & 0xffff); }
  Writer& u64(uint64_t value) { return u32(static_cast<uint32_t>(value >> 32)).u32(static_cast<uint32_t>(value)); }
  Writer& bytes(Bytes value) {
    out_.insert(out_.end(), value.begin(), value.end());
    return *this;
  }
  Writer& text(std::string_view value) {
    out_.insert(out_.end(), value.begin(), value.end());
    return *this;
  }
  Writer& zeros(size_t count) {
    out_.insert(out_.end(), count, uint8_t{0});
    return *this;
  }
  /// Zeros up to a multiple of `unit`.
  Writer& align(size_t unit) { return zeros((unit - out_.size() % unit) % unit); }
  size_t size() const { return out_.size(); }
  const std::vector<uint8_t>& out() const { return out_; }

 private:
  std::vector<uint8_t> out_;
};

/// How the header around it names the outermost header so far. The defaults are the numbers for experiments.
struct Names {
  uint16_t ethertype = 0x88b5;
  uint8_t ip_protocol = 253;
  uint16_t ppp = 0x0021;
};

/// A checksum with a pseudo-header, waiting for its IP header. Positions count from the end: outer headers go in front.
struct PendingChecksum {
  size_t segment = 0;  // first byte of the transport header
  size_t field = 0;
  uint8_t protocol = 0;
  bool wrong = false;
};

/// From the current outermost header to the end.
struct Draft {
  std::vector<uint8_t> bytes;
  Names names;
  bool ppp_inside = false;  // the outermost header is a PPP header
  std::optional<PendingChecksum> pending;
  std::vector<uint8_t> final_destination;  // of an IPv6 routing header, for the pseudo-header

  void prepend(const Writer& header, Names as) {
    bytes.insert(bytes.begin(), header.out().begin(), header.out().end());
    names = as;
    ppp_inside = false;
  }
  void set_u16(size_t at, unsigned value) {
    bytes[at] = static_cast<uint8_t>(value >> 8);
    bytes[at + 1] = static_cast<uint8_t>(value);
  }
  /// Writes the Internet checksum of the first `count` bytes into the field at `at`, which must hold zero.
  void set_checksum(size_t at, size_t count, bool wrong);
  /// Fills a pending checksum, now that the addresses are known.
  void resolve_checksum(Bytes source, Bytes destination);
  /// Puts the PPP protocol field in front, unless a PPP header is there already.
  void ensure_ppp();
};

/// The ones' complement sum of 16-bit words, folded; `sum` continues an earlier one.
uint32_t internet_sum(Bytes bytes, uint32_t sum = 0);

}  // namespace microcloud::tools
