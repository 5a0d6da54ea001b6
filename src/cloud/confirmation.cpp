#include "cloud/confirmation.h"

#include <algorithm>
#include <optional>

namespace microcloud {

Confirmation::Told Confirmation::take(const resp::Value& reply, uint64_t acknowledged) {
  known_ = true;
  if (reply.type != resp::Type::Array || reply.elements.empty()) return Told::Nothing;
  if (reply.elements.size() < 3 || !reply.elements[0].is("master")) return Told::NoMaster;
  const auto offset = reply.elements[1].as_integer();
  const std::vector<resp::Value>& replicas = reply.elements[2].elements;
  if (!offset || replicas.empty()) return Told::Master;
  replicated_ = true;
  if (marks_.empty() || marks_.back().number < acknowledged) marks_.push_back({*offset, acknowledged});
  int64_t all_have = INT64_MAX;
  for (const resp::Value& replica : replicas) {
    const auto has = replica.elements.size() < 3 ? std::nullopt : replica.elements[2].as_integer();
    all_have = std::min(all_have, has.value_or(0));
  }
  while (!marks_.empty() && marks_.front().offset <= all_have) {
    confirmed_ = marks_.front().number;
    marks_.pop_front();
  }
  return Told::Master;
}

}  // namespace microcloud
