#include "query/key_target.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "cloud/key_names.h"

namespace microcloud {
namespace {

using Kind = KeyTarget::Kind;

constexpr uint8_t kTcp = 6, kUdp = 17;

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool take_suffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

std::optional<uint16_t> number_of(std::string_view text) {
  uint16_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  return value;
}

std::optional<Mac> mac_of(std::string_view text) {
  Mac mac;
  if (text.size() != 17) return std::nullopt;
  for (size_t at = 0; at < mac.bytes.size(); ++at) {
    const char* from = text.data() + 3 * at;
    const auto [end, error] = std::from_chars(from, from + 2, mac.bytes[at], 16);
    if (error != std::errc() || end != from + 2) return std::nullopt;
  }
  if (to_text(mac) != text) return std::nullopt;
  return mac;
}

KeyTarget host_target(std::string_view text) {
  KeyTarget target;
  if (text == "other4" || text == "other6") {
    target.kind = Kind::OtherHosts;
    return target;
  }
  const bool set = take_suffix(text, ".peers") || take_suffix(text, ".ports") || take_suffix(text, ".protocols");
  const auto address = parse_address(text);
  if (!address || to_text(*address) != text) return target;
  target.kind = set ? Kind::HostSet : Kind::Host;
  target.host = *address;
  return target;
}

KeyTarget port_target(std::string_view text) {
  KeyTarget target;
  const bool tcp = take_prefix(text, "tcp.");
  if (!tcp && !take_prefix(text, "udp.")) return target;
  const auto number = number_of(text);
  if (!number) return target;
  target.kind = Kind::Port;
  target.protocol = tcp ? kTcp : kUdp;
  target.number = *number;
  return target;
}

KeyTarget named(Kind kind, std::string_view name) {
  KeyTarget target;
  target.kind = kind;
  target.name = name;
  return target;
}

/// What stands in a pattern before anything that may match more than itself.
std::string_view literal_beginning(std::string_view pattern) {
  return pattern.substr(0, pattern.find_first_of("*?[\\"));
}

bool may_be(std::string_view beginning, std::string_view tree) {
  const size_t size = std::min(beginning.size(), tree.size());
  return beginning.substr(0, size) == tree.substr(0, size);
}

}  // namespace

KeyTarget parse_key(std::string_view key, std::string_view realm) {
  if (key == "meta.schema") return named(Kind::Schema, key);
  if (!realm.empty() && !(take_prefix(key, realm) && take_prefix(key, "/"))) return {};
  if (take_prefix(key, "ip.")) return host_target(key);
  if (take_prefix(key, "port.")) return port_target(key);
  if (take_prefix(key, "proto.")) return named(Kind::Application, key);
  if (take_prefix(key, "flow.")) return named(Kind::Flow, key);
  if (take_prefix(key, "probe.")) return named(Kind::Probe, key);
  KeyTarget target;
  if (take_prefix(key, "mac.")) {
    if (const auto mac = mac_of(key)) {
      target.kind = Kind::Mac;
      target.mac = *mac;
    }
  } else if (take_prefix(key, "vlan.")) {
    if (const auto id = number_of(key)) {
      target.kind = Kind::Vlan;
      target.number = *id;
    }
  }
  return target;
}

PatternTrees trees_of(std::string_view pattern, std::string_view realm) {
  const std::string prefix = realm_prefix(realm);
  const std::string_view beginning = literal_beginning(pattern);
  const auto may = [&](const char* tree) { return may_be(beginning, prefix + tree); };
  PatternTrees trees;
  trees.hosts = trees.host_sets = may("ip.");
  trees.macs = may("mac.");
  trees.vlans = may("vlan.");
  trees.applications = may("proto.");
  trees.ports = may("port.");
  trees.flows = may("flow.");
  // Names of sorted sets end with a letter, those of hosts with a digit of an address, or a colon.
  if (!pattern.empty() && pattern.back() >= '0' && pattern.back() <= '9') trees.host_sets = false;
  if (pattern.ends_with(".peers") || pattern.ends_with(".ports") || pattern.ends_with(".protocols"))
    trees.hosts = false;
  return trees;
}

}  // namespace microcloud
