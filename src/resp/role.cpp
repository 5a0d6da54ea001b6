#include "resp/role.h"

namespace microcloud::resp {
namespace {

std::optional<Endpoint> endpoint(const Value& host, const Value& port) {
  const auto number = port.as_integer();
  if (!host.has_text() || !number || *number < 0 || *number > 65535) return std::nullopt;
  return Endpoint{host.text, static_cast<uint16_t>(*number)};
}

bool read_master(const std::vector<Value>& parts, Role& role) {
  if (parts.size() < 3 || !parts[1].as_integer()) return false;
  role.offset = *parts[1].as_integer();
  for (const Value& one : parts[2].elements) {
    if (one.elements.size() < 3) return false;
    const auto at = endpoint(one.elements[0], one.elements[1]);
    const auto offset = one.elements[2].as_integer();
    if (!at || !offset) return false;
    role.replicas.push_back({*at, *offset});
  }
  return true;
}

bool read_replica(const std::vector<Value>& parts, Role& role) {
  if (parts.size() < 5 || !parts[4].as_integer()) return false;
  const auto at = endpoint(parts[1], parts[2]);
  if (!at) return false;
  role.master = *at;
  role.offset = *parts[4].as_integer();
  return true;
}

}  // namespace

std::optional<Role> parse_role(const Value& reply) {
  const std::vector<Value>& parts = reply.elements;
  if (reply.type != Type::Array || parts.empty()) return std::nullopt;
  Role role;
  bool whole = true;
  if (parts[0].is("master")) {
    role.kind = Role::Kind::Master;
    whole = read_master(parts, role);
  } else if (parts[0].is("slave")) {
    role.kind = Role::Kind::Replica;
    whole = read_replica(parts, role);
  } else if (parts[0].is("sentinel")) {
    role.kind = Role::Kind::Sentinel;
  } else {
    whole = false;
  }
  return whole ? std::optional(role) : std::nullopt;
}

}  // namespace microcloud::resp
