#include "app/readiness.h"

#include "record/json.h"

namespace microcloud {

void Readiness::add(std::string name, std::function<std::string()> why_not) {
  checks_.emplace_back(std::move(name), std::move(why_not));
}

Readiness::State Readiness::state() const {
  State state;
  std::string checks;
  for (const auto& [name, why_not] : checks_) {
    const std::string reason = why_not();
    checks += checks.empty() ? "{\"name\":" : ",{\"name\":";
    append_json_string(checks, name);
    checks += reason.empty() ? ",\"ready\":true" : ",\"ready\":false,\"reason\":";
    if (!reason.empty()) append_json_string(checks, reason);
    checks += '}';
    state.ready = state.ready && reason.empty();
  }
  state.json = std::string("{\"ready\":") + (state.ready ? "true" : "false") + ",\"checks\":[" + checks + "]}\n";
  return state;
}

}  // namespace microcloud
