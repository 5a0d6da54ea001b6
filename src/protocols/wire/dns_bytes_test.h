// Writes DNS messages for tests, in the order in which they stand on the wire.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/cursor.h"

namespace microcloud {

class DnsBytes {
 public:
  /// Flags and counts as they are to stand in the header.
  DnsBytes(uint16_t id, uint16_t flags, uint16_t questions, uint16_t answers = 0, uint16_t authorities = 0,
           uint16_t additionals = 0) {
    for (const uint16_t word : {id, flags, questions, answers, authorities, additionals}) u16(word);
  }

  DnsBytes& u8(uint8_t value) {
    bytes_.push_back(value);
    return *this;
  }
  DnsBytes& u16(uint16_t value) { return u8(static_cast<uint8_t>(value >> 8)).u8(static_cast<uint8_t>(value & 0xff)); }
  DnsBytes& u32(uint32_t value) {
    return u16(static_cast<uint16_t>(value >> 16)).u16(static_cast<uint16_t>(value & 0xffff));
  }
  DnsBytes& text(std::string_view text) {
    bytes_.insert(bytes_.end(), text.begin(), text.end());
    return *this;
  }
  /// One label, or a character string.
  DnsBytes& label(std::string_view label) { return u8(static_cast<uint8_t>(label.size())).text(label); }
  /// A name written with dots; its end included.
  DnsBytes& name(std::string_view name) {
    while (!name.empty()) {
      const size_t dot = std::min(name.find('.'), name.size());
      label(name.substr(0, dot));
      name.remove_prefix(std::min(dot + 1, name.size()));
    }
    return u8(0);
  }
  DnsBytes& pointer(uint16_t to) { return u16(static_cast<uint16_t>(0xc000 | to)); }
  DnsBytes& question(std::string_view of, uint16_t type, uint16_t klass = 1) { return name(of).u16(type).u16(klass); }
  /// All of a record but its data; its name is a pointer to the question's.
  DnsBytes& record(uint16_t type, uint16_t length, uint16_t klass = 1) {
    return pointer(12).u16(type).u16(klass).u32(300).u16(length);
  }
  DnsBytes& a(uint32_t address) { return record(1, 4).u32(address); }
  DnsBytes& opt(uint16_t udp_size, bool dnssec_ok, uint8_t extended_code = 0) {
    return u8(0).u16(41).u16(udp_size).u8(extended_code).u8(0).u16(dnssec_ok ? 0x8000 : 0).u16(0);
  }
  /// With options, each of them made by option().
  DnsBytes& opt_with(std::string_view options) {
    return u8(0).u16(41).u16(1232).u32(0).u16(static_cast<uint16_t>(options.size())).text(options);
  }
  static std::string option(uint16_t code, std::string_view data) {
    std::string text;
    for (const size_t word : {size_t{code}, data.size()}) {
      text += static_cast<char>(word >> 8);
      text += static_cast<char>(word & 0xff);
    }
    return text.append(data);
  }

  const std::vector<uint8_t>& bytes() const { return bytes_; }
  operator Bytes() const { return bytes_; }
  /// As on TCP: two bytes of length before it (RFC 1035, 4.2.2).
  std::vector<uint8_t> framed() const {
    std::vector<uint8_t> all{static_cast<uint8_t>(bytes_.size() >> 8), static_cast<uint8_t>(bytes_.size() & 0xff)};
    all.insert(all.end(), bytes_.begin(), bytes_.end());
    return all;
  }

 private:
  std::vector<uint8_t> bytes_;
};

}  // namespace microcloud
