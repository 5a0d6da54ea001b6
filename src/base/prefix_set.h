// A set of networks, and which of them an address is in.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/address.h"

namespace microcloud {

/// IPv4 and IPv6 prefixes. A look-up takes one search for each length that there is.
class PrefixSet {
 public:
  /// "10.0.0.0/8", "2001:db8::/32", or one address. What is there already stays once. Throws std::invalid_argument: one
  /// sentence.
  void add(std::string_view text);

  bool empty() const { return texts_.empty(); }
  size_t size() const { return texts_.size(); }
  /// The longest prefix that the address is in, by its number in the order of add().
  std::optional<size_t> find(const IpAddress& address) const;
  bool contains(const IpAddress& address) const { return find(address).has_value(); }
  /// As RFC 4632 and RFC 5952 write it: "10.0.0.0/8".
  const std::string& text(size_t at) const { return texts_[at]; }

 private:
  struct Hash {
    size_t operator()(const IpAddress& address) const;
  };
  struct Length {
    uint8_t version;
    unsigned bits;
    std::unordered_map<IpAddress, size_t, Hash> prefixes;
  };
  Length& length(uint8_t version, unsigned bits);

  std::vector<Length> lengths_;  // the longest first
  std::vector<std::string> texts_;
};

}  // namespace microcloud
