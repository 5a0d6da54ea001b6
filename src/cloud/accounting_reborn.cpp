// Of the accounting: keys that had gone from the node before their time and were born again.
#include <algorithm>
#include <charconv>

#include "cloud/accounting.h"
#include "cloud/scripts.h"

namespace microcloud {
namespace {

constexpr uint32_t kTcp = 6, kUdp = 17;

/// 0 where there is none.
template <typename Number>
Number number_in(std::string_view text, int base = 10) {
  Number number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number, base);
  return number;
}

Mac mac_in(std::string_view text) {
  Mac mac{};
  for (size_t at = 0; at < mac.bytes.size() && 3 * at + 2 <= text.size(); ++at)
    mac.bytes[at] = number_in<uint8_t>(text.substr(3 * at, 2), 16);
  return mac;
}

}  // namespace

/// What is remembered of a key, by its whole name; nullptr: nothing.
Accounting::Seen* Accounting::find_seen(std::string_view key) {
  const std::string realm = realm_prefix(settings_.realm);
  if (!key.starts_with(realm)) return nullptr;
  key.remove_prefix(realm.size());
  const auto take = [](auto& map, const auto& name) -> Seen* {
    const auto found = map.find(name);
    if (found == map.end()) return nullptr;
    if constexpr (requires { found->second.seen; }) {
      return &found->second.seen;
    } else {
      return &found->second;
    }
  };
  const size_t dot = key.find('.');
  if (dot == std::string_view::npos) return nullptr;
  const std::string_view tree = key.substr(0, dot), name = key.substr(dot + 1);
  if (tree == "ip") {
    if (name == "other4" || name == "other6") return &others_[name == "other6" ? 1 : 0];
    const auto address = parse_address(name);
    return address ? take(hosts_, *address) : nullptr;
  }
  if (tree == "mac") return take(macs_, mac_in(name));
  if (tree == "proto") return take(applications_, name);
  if (tree == "user") return take(users_, name);
  if (tree == "vlan") return take(vlans_, number_in<uint16_t>(name));
  if (tree == "port") {
    const uint32_t protocol = name.starts_with("tcp.") ? kTcp : kUdp;
    return take(ports_, protocol << 16 | number_in<uint16_t>(name.substr(std::min<size_t>(name.size(), 4))));
  }
  return take(of_trees_, key);
}

Accounting::Verdict Accounting::with_rebirth(Seen& seen, Verdict verdict) {
  if (verdict == Verdict::Refused) return verdict;
  const bool is_reborn = std::exchange(seen.is_reborn, false);
  return is_reborn && verdict == Verdict::Known ? Verdict::Refresh : verdict;
}

/// What waits was told by what had been told of the key that went.
void Accounting::reborn(std::string_view key, const SeenTimes& times) {
  Seen* seen = find_seen(key);
  if (seen == nullptr) return;
  seen->is_reborn = true;
  seen->first_ms = times.first_ms;
  seen->last_ms = times.last_ms;
  const KeyUpdate* waiting = buffer_.find(key);
  if (waiting == nullptr || !waiting->times().known()) return;
  const SeenTimes of_waiting = waiting->times();
  KeyUpdate& update = buffer_.at(key);
  if (of_waiting.first_ms < seen->first_ms) update.earliest(kFirstSeenField, seen->first_ms = of_waiting.first_ms);
  if (of_waiting.last_ms > seen->last_ms) update.latest(kLastSeenField, seen->last_ms = of_waiting.last_ms);
}

}  // namespace microcloud
