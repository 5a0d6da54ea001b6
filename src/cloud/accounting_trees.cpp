// What transactions make grow beside their hosts: services and their health, and the trees of protocols.
#include <algorithm>

#include "cloud/accounting.h"
#include "cloud/health_fields.h"

namespace microcloud {
namespace {

constexpr std::string_view kServices = "service.", kRest = "other";
constexpr uint8_t kTcp = 6, kUdp = 17;

void add_delay(KeyUpdate& update, uint32_t latency_us, uint32_t answers, const Common& common) {
  const uint64_t round_trip_us = uint64_t{2} * common.server_network_us.value_or(0);
  const uint32_t delay_us = latency_us > round_trip_us ? static_cast<uint32_t>(latency_us - round_trip_us) : 0;
  update.add(delay_field(delay_us), answers);
}

void add_many(KeyUpdate& update, const ServiceCalls& calls, const Common& common) {
  if (calls.answered() != 0) update.add("requests", calls.answered());
  if (calls.refused() != 0) update.add("errors", calls.refused());
  for (const ServiceCalls::Time& time : calls.times()) add_delay(update, time.latency_us, time.answers, common);
}

void add_health(KeyUpdate& update, const ServiceCall& call, const Common& common) {
  if (call.many != nullptr) {
    add_many(update, *call.many, common);
  } else {
    if (call.is_request) update.add("requests", 1);
    if (call.failed) update.add("errors", 1);
    if (call.latency_us) add_delay(update, *call.latency_us, 1, common);
  }
  if (call.begins_connection && common.client_network_us && common.server_network_us) {
    const uint64_t network_us = uint64_t{*common.client_network_us} + *common.server_network_us;
    update.add(network_field(static_cast<uint32_t>(std::min<uint64_t>(network_us, UINT32_MAX))), 1);
  }
}

}  // namespace

Accounting::Seen* Accounting::find_in_trees(std::string_view key, Verdict& verdict) {
  const auto found = of_trees_.find(key);
  Refreshed refreshed = found == of_trees_.end() ? 0 : found->second.refreshed;
  verdict = births_.ask_modestly(refreshed, now_s_);
  if (verdict == Verdict::Refused) return nullptr;
  Seen& seen = found == of_trees_.end() ? of_trees_.try_emplace(std::string(key)).first->second : found->second;
  seen.refreshed = refreshed;
  return &seen;
}

/// The key of this name, or, where the bounds allow none, that of all others of its tree: together they are all.
KeyUpdate& Accounting::at_tree(std::string_view prefix, std::string_view name, const Common& common) {
  if (common.packet_us != 0) births_.at_time(common.packet_us / 1000);
  const std::string_view key = names_.of_tree(prefix, name);
  const std::string_view without_realm = key.substr(key.size() - prefix.size() - name.size());
  Verdict verdict = Verdict::Refused;
  Seen* seen = nullptr;
  if (name == kRest) {
    auto found = of_trees_.find(without_realm);
    if (found == of_trees_.end()) found = of_trees_.try_emplace(std::string(without_realm)).first;
    seen = &found->second;
    verdict = births_.always(seen->refreshed, now_s_);
  } else {
    seen = find_in_trees(without_realm, verdict);
    if (seen == nullptr) return at_tree(prefix, kRest, common);
  }
  KeyUpdate& update = buffer_.at(key);
  if (common.packet_us != 0) {
    Traffic when;
    when.start_ms = when.end_ms = common.packet_us / 1000;
    tell_times(update, *seen, with_rebirth(*seen, verdict), when);
  } else {
    refresh(update, verdict);
  }
  return update;
}

/// Such a key may have been closed since, which this probe does not remember: so each text begins its life anew.
void Accounting::leave(std::string_view prefix, std::string_view name, std::span<const Text> texts) {
  if (name.empty() || name == kRest) return;
  const std::string_view key = names_.of_tree(prefix, name);
  Verdict verdict = Verdict::Refused;
  if (find_in_trees(key.substr(key.size() - prefix.size() - name.size()), verdict) == nullptr) return;
  KeyUpdate& update = urgent_.at(key);
  for (const Text& one : texts) update.set(one.field, one.value);
  update.refresh();
}

void Accounting::close(std::string_view prefix, std::string_view name, const Text& where, const Text& mark,
                       uint32_t seconds) {
  if (name.empty() || name == kRest) return;
  const std::string_view key = names_.of_tree(prefix, name);
  if (!of_trees_.contains(key.substr(key.size() - prefix.size() - name.size()))) return;  // it was refused
  urgent_.at(key).end(
      {std::string(where.field), std::string(where.value), std::string(mark.field), std::string(mark.value), seconds});
}

void Accounting::add_service(const ServiceCall& call, const Common& common) {
  if (!common.has_ports || (common.protocol != kTcp && common.protocol != kUdp)) return;
  name_ = common.protocol == kTcp ? "tcp." : "udp.";
  name_ += to_text(call.by_server ? common.source : common.destination);
  name_ += '.';
  name_ += std::to_string(call.by_server ? common.source_port : common.destination_port);
  add_health(at_tree(kServices, name_, common), call, common);
}

void Accounting::add_tree(const CloudTree& tree, const RecordRef& record, const std::optional<ServiceCall>& call) {
  name_.clear();
  if (!tree.name(record, name_)) return;
  KeyUpdate& update = at_tree(tree.prefix, name_, *record.common);
  if (tree.has_health && call) add_health(update, *call, *record.common);
  for (const CloudRule& rule : tree.counters) {
    if (rule.holds == nullptr || rule.holds(record.body, rule.value))
      update.add(rule.field, rule.amount == nullptr ? 1 : rule.amount(record.body));
  }
}

}  // namespace microcloud
