#include "cloud/update_way.h"

namespace microcloud {

resp::Commands schema_commands() {
  resp::Commands commands;
  commands.add("SET", "meta.schema", kCloudSchema, "NX");
  commands.add("GET", "meta.schema");
  return commands;
}

std::string schema_trouble(const resp::Value& reply, const std::string& where) {
  const auto schema = reply.as_integer();
  if (!schema || *schema <= kCloudSchema + 1) return {};
  return "the MicroCloud at " + where + " has keys of schema " + std::to_string(*schema) + "; this probe knows " +
         std::to_string(kCloudSchema);
}

}  // namespace microcloud
