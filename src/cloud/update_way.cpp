#include "cloud/update_way.h"

namespace microcloud {

resp::Commands count_commands() {
  resp::Commands commands;
  commands.add("INFO", "keyspace");
  commands.add("DBSIZE");
  return commands;
}

std::optional<uint64_t> volatile_keys(const std::vector<resp::Value>& replies) {
  if (replies.size() != 2) return std::nullopt;
  constexpr std::string_view kBefore = "db0:keys=", kExpires = ",expires=";
  const resp::Value& info = replies[0];
  if (!info.is_error() && info.has_text()) {
    const size_t line = info.text.find(kBefore);
    if (line == std::string::npos) return 0;  // no keys at all
    const size_t at = info.text.find(kExpires, line);
    if (at == std::string::npos) return std::nullopt;
    const size_t from = at + kExpires.size();
    const auto count = resp::parse_integer(std::string_view(info.text).substr(from, info.text.find(',', from) - from));
    return count && *count >= 0 ? std::optional(static_cast<uint64_t>(*count)) : std::nullopt;
  }
  const auto keys = replies[1].as_integer();
  return keys && *keys >= 0 ? std::optional(static_cast<uint64_t>(*keys)) : std::nullopt;
}

resp::Commands schema_commands() {
  resp::Commands commands;
  commands.add("SET", "meta.schema", kCloudSchema, "NX");
  commands.add("GET", "meta.schema");
  return commands;
}

std::string schema_trouble(const resp::Value& reply, const std::string& where) {
  const bool other_type = resp::error_code(reply) == "WRONGTYPE";
  // Nothing there, as it could not be written, or an error: why the server refuses is told by the lane.
  if (reply.is_null() || (reply.is_error() && !other_type)) return {};
  const auto schema = reply.as_integer();
  if (!schema || *schema < 1) {
    return "the MicroCloud at " + where + " does not say what schema its keys have: meta.schema holds " +
           (other_type ? "no text" : "'" + reply.text + "'");
  }
  if (*schema <= kCloudSchema + 1) return {};
  return "the MicroCloud at " + where + " has keys of schema " + std::to_string(*schema) + "; this probe knows " +
         std::to_string(kCloudSchema);
}

}  // namespace microcloud
