#include "probe/enrichment.h"

#include <cstring>
#include <thread>

#include "flow/flow_record.h"

namespace microcloud {
namespace {

constexpr auto kNap = std::chrono::microseconds(500);

const FlowRecord* as_flow(const RecordRef& record) {
  return record.type == &kFlowRecordType ? static_cast<const FlowRecord*>(record.body) : nullptr;
}

}  // namespace

std::string_view to_text(Unanswered why) {
  constexpr std::string_view kWords[] = {"late", "full", "unavailable"};
  return kWords[static_cast<size_t>(why)];
}

EnrichmentStage::EnrichmentStage(EnrichmentSettings settings, Owners& owners, std::vector<Output*> outputs)
    : settings_(settings), owners_(owners), outputs_(std::move(outputs)) {}

const EnrichmentStage::Ends& EnrichmentStage::owners_of(const RecordRef& record) {
  using Known = Owners::Known;
  const FlowRecord* flow = as_flow(record);
  const std::optional<Mac> none;
  const auto ask = [&](const IpAddress& address, const std::optional<Mac>& mac, std::string& name) {
    const Owners::Answer answer = owners_.owner(address, mac);
    name.assign(answer.known == Known::Somebody ? answer.user : std::string_view());
    return answer.known;
  };
  const Known source = ask(record.common->source, flow != nullptr ? flow->source_mac : none, ends_.source);
  const Known destination =
      ask(record.common->destination, flow != nullptr ? flow->destination_mac : none, ends_.destination);
  const auto one_is = [&](Known known) { return source == known || destination == known; };
  ends_.known = one_is(Known::Asked)      ? Known::Asked
                : one_is(Known::Unknown)  ? Known::Unknown
                : one_is(Known::Somebody) ? Known::Somebody
                                          : Known::Nobody;
  return ends_;
}

void EnrichmentStage::put(const RecordRef& record) {
  counts_.in.add();
  if (flows_.contains(record.common->flow_id)) return hold(record);
  const Ends& ends = owners_of(record);
  if (ends.known == Owners::Known::Asked) return hold(record);
  if (ends.known == Owners::Known::Unknown) counts_.unanswered.add(Unanswered::Unavailable);
  give(record, ends);
}

void EnrichmentStage::give(const RecordRef& record, const Ends& ends) {
  counts_.out.add();
  if (ends.source.empty() && ends.destination.empty()) {
    for (Output* output : outputs_) output->put(record);
    return;
  }
  counts_.with_user.add();
  Common common = *record.common;
  common.source_user = ends.source;
  common.destination_user = ends.destination;
  for (Output* output : outputs_) output->put({record.type, &common, record.body});
}

void EnrichmentStage::hold(const RecordRef& record) {
  if (waiting_.size() >= settings_.most_waiting) make_room();
  auto body = std::make_unique<std::byte[]>(record.body_used());
  std::memcpy(body.get(), record.body, record.body_used());
  waiting_.push_back({*record.common, record.type, std::move(body), Clock::now() + settings_.patience});
  ++flows_[record.common->flow_id];
  counts_.waited.add();
}

void EnrichmentStage::make_room() {
  while (settings_.wait_when_full && waiting_.size() >= settings_.most_waiting) {
    if (owners_.learn() || waiting_.front().deadline <= Clock::now()) release(Clock::now());
    if (waiting_.size() >= settings_.most_waiting) std::this_thread::sleep_for(kNap);
  }
  if (waiting_.size() < settings_.most_waiting) return;
  counts_.unanswered.add(Unanswered::Full);
  leave(owners_of(waiting_.front().record()));
}

/// The oldest one.
void EnrichmentStage::leave(const Ends& ends) {
  const Waiting first = std::move(waiting_.front());
  waiting_.pop_front();
  const auto flow = flows_.find(first.common.flow_id);
  if (--flow->second == 0) flows_.erase(flow);
  give(first.record(), ends);
}

void EnrichmentStage::release(Clock::time_point now) {
  while (!waiting_.empty()) {
    const Ends& ends = owners_of(waiting_.front().record());
    if (ends.known == Owners::Known::Asked) {
      if (waiting_.front().deadline > now) return;
      counts_.unanswered.add(Unanswered::Late);
    }
    if (ends.known == Owners::Known::Unknown) counts_.unanswered.add(Unanswered::Unavailable);
    leave(ends);
  }
}

bool EnrichmentStage::turn() {
  const bool news = owners_.learn();
  const auto now = Clock::now();
  if (!waiting_.empty() && (news || waiting_.front().deadline <= now)) release(now);
  bool waits = !waiting_.empty();
  for (Output* output : outputs_) waits = output->turn() || waits;
  return waits;
}

void EnrichmentStage::flush() {
  for (Output* output : outputs_) output->flush();
}

void EnrichmentStage::finish() {
  for (turn(); !waiting_.empty(); turn()) std::this_thread::sleep_for(kNap);
  for (Output* output : outputs_) output->finish();
}

std::string EnrichmentStage::error() const {
  for (const Output* output : outputs_) {
    if (std::string error = output->error(); !error.empty()) return error;
  }
  return {};
}

}  // namespace microcloud
