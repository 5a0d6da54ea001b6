#include "base/prefix_set.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <stdexcept>

#include "base/hash.h"

namespace microcloud {
namespace {

constexpr const char* kAccepted = "accepted are networks such as 10.0.0.0/8 or 2001:db8::/32, and addresses";

unsigned all_bits(uint8_t version) {
  return version == 4 ? 32 : 128;
}

IpAddress cut(IpAddress address, unsigned bits) {
  for (size_t at = 0; at < address.bytes.size(); ++at) {
    const unsigned kept = std::clamp(static_cast<int>(bits) - static_cast<int>(8 * at), 0, 8);
    address.bytes[at] &= static_cast<uint8_t>(0xff00U >> kept);
  }
  return address;
}

}  // namespace

size_t PrefixSet::Hash::operator()(const IpAddress& address) const {
  uint64_t words[2];
  std::memcpy(words, address.bytes.data(), sizeof words);
  return hash_words(HashSeed{}, words[0], words[1], address.version);
}

PrefixSet::Length& PrefixSet::length(uint8_t version, unsigned bits) {
  const auto at =
      std::find_if(lengths_.begin(), lengths_.end(), [bits](const Length& one) { return one.bits <= bits; });
  for (auto same = at; same != lengths_.end() && same->bits == bits; ++same) {
    if (same->version == version) return *same;
  }
  return *lengths_.insert(at, Length{version, bits, {}});
}

void PrefixSet::add(std::string_view text) {
  const std::string quoted = "'" + std::string(text) + "' ";
  const size_t slash = text.find('/');
  const auto address = parse_address(text.substr(0, slash));
  if (!address) throw std::invalid_argument(quoted + "is no network; " + kAccepted);
  unsigned bits = all_bits(address->version);
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size() ||
        bits > all_bits(address->version)) {
      throw std::invalid_argument(quoted + "has no length of 0 to " + std::to_string(all_bits(address->version)) +
                                  " behind the slash; " + kAccepted);
    }
  }
  const IpAddress prefix = cut(*address, bits);
  const std::string written = to_text(prefix) + "/" + std::to_string(bits);
  if (prefix != *address)
    throw std::invalid_argument(quoted + "has bits behind its length: " + written + " is the network");
  if (length(address->version, bits).prefixes.emplace(prefix, texts_.size()).second) texts_.push_back(written);
}

std::optional<size_t> PrefixSet::find(const IpAddress& address) const {
  for (const Length& length : lengths_) {
    if (length.version != address.version) continue;
    const auto found = length.prefixes.find(cut(address, length.bits));
    if (found != length.prefixes.end()) return found->second;
  }
  return std::nullopt;
}

}  // namespace microcloud
