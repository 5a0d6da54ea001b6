#include "resp/cluster_map.h"

#include "resp/outcome.h"

namespace microcloud::resp {
namespace {

std::optional<Slot> read_slot(const Value& value) {
  const auto number = value.as_integer();
  return number && *number >= 0 && *number < kSlots ? std::optional(static_cast<Slot>(*number)) : std::nullopt;
}

std::optional<uint16_t> read_port(std::optional<int64_t> number) {
  return number && *number > 0 && *number <= 65535 ? std::optional(static_cast<uint16_t>(*number)) : std::nullopt;
}

/// Endpoints of Unix sockets are no servers of a cluster, so the host is all that can be missing.
Endpoint at(std::string_view host, uint16_t port, const Endpoint& asked) {
  return {host.empty() ? asked.host : std::string(host), port};
}

}  // namespace

std::optional<std::vector<SlotRange>> parse_cluster_slots(const Value& reply, const Endpoint& asked) {
  if (reply.type != Type::Array || reply.elements.size() > kSlots) return std::nullopt;
  std::vector<SlotRange> ranges;
  size_t slots = 0;
  for (const Value& one : reply.elements) {
    if (one.elements.size() < 3 || one.elements[2].elements.size() < 2) return std::nullopt;
    const auto first = read_slot(one.elements[0]);
    const auto last = read_slot(one.elements[1]);
    const Value& host = one.elements[2].elements[0];
    const auto port = read_port(one.elements[2].elements[1].as_integer());
    if (!first || !last || *last < *first || !port || !(host.has_text() || host.is_null())) return std::nullopt;
    if ((slots += size_t{*last} - *first + 1) > kSlots) return std::nullopt;
    if (host.text != "?") ranges.push_back({*first, *last, at(host.text, *port, asked)});
  }
  return ranges;
}

std::optional<Redirection> parse_redirection(const Value& reply, const Endpoint& asked) {
  const std::string_view code = error_code(reply);
  if (code != "MOVED" && code != "ASK") return std::nullopt;
  Redirection found;
  found.kind = code == "ASK" ? Redirection::Kind::Ask : Redirection::Kind::Moved;
  const std::string_view rest = std::string_view(reply.text).substr(std::min(reply.text.size(), code.size() + 1));
  const size_t space = rest.find(' ');
  const size_t colon = rest.rfind(':');
  if (space == std::string_view::npos || colon == std::string_view::npos || colon < space) return std::nullopt;
  const auto slot = parse_integer(rest.substr(0, space));
  const auto port = read_port(parse_integer(rest.substr(colon + 1)));
  const std::string_view host = rest.substr(space + 1, colon - space - 1);
  if (!slot || *slot < 0 || *slot >= kSlots || !port || host == "?") return std::nullopt;
  found.slot = static_cast<Slot>(*slot);
  found.to = at(host, *port, asked);
  return found;
}

}  // namespace microcloud::resp
