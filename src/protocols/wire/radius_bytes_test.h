// Writes RADIUS messages for tests.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/cursor.h"

namespace microcloud {

class RadiusBytes {
 public:
  /// All octets of the authenticator are `authenticator`.
  RadiusBytes(uint8_t code, uint8_t id, uint8_t authenticator = 7) : bytes_(20, authenticator) {
    bytes_[0] = code;
    bytes_[1] = id;
    set_length();
  }

  RadiusBytes& attribute(uint8_t type, std::string_view value) {
    bytes_.push_back(type);
    bytes_.push_back(static_cast<uint8_t>(value.size() + 2));
    bytes_.insert(bytes_.end(), value.begin(), value.end());
    set_length();
    return *this;
  }
  RadiusBytes& number(uint8_t type, uint32_t value) {
    char octets[4];
    for (unsigned at = 0; at < 4; ++at) octets[at] = static_cast<char>(value >> (24 - 8 * at));
    return attribute(type, {octets, 4});
  }
  /// Whatever it is, without a place in the length.
  RadiusBytes& behind(std::string_view value) {
    bytes_.insert(bytes_.end(), value.begin(), value.end());
    return *this;
  }
  RadiusBytes& length(uint16_t length) {
    bytes_[2] = static_cast<uint8_t>(length >> 8);
    bytes_[3] = static_cast<uint8_t>(length & 0xff);
    return *this;
  }
  RadiusBytes& octet(size_t at, uint8_t value) {
    bytes_[at] = value;
    return *this;
  }

  operator Bytes() const { return bytes_; }  // NOLINT(google-explicit-constructor)

 private:
  void set_length() { length(static_cast<uint16_t>(bytes_.size())); }

  std::vector<uint8_t> bytes_;
};

}  // namespace microcloud
