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

/// The initiator's owner counts first, so his answer is waited for even where the responder's is there.
Owners::Answer EnrichmentStage::user_of(const RecordRef& record) {
  const FlowRecord* flow = as_flow(record);
  const auto ask = [&](const IpAddress& address, const std::optional<Mac>& mac) { return owners_.owner(address, mac); };
  const std::optional<Mac> none;
  const Owners::Answer source = ask(record.common->source, flow != nullptr ? flow->source_mac : none);
  if (source.known == Owners::Known::Somebody || source.known == Owners::Known::Unknown) return source;
  const Owners::Answer destination = ask(record.common->destination, flow != nullptr ? flow->destination_mac : none);
  return source.known == Owners::Known::Asked ? source : destination;
}

void EnrichmentStage::put(const RecordRef& record) {
  counts_.in.add();
  if (flows_.contains(record.common->flow_id)) return hold(record);
  const Owners::Answer answer = user_of(record);
  if (answer.known == Owners::Known::Asked) return hold(record);
  if (answer.known == Owners::Known::Unknown) counts_.unanswered.add(Unanswered::Unavailable);
  give(record, answer.user);
}

void EnrichmentStage::give(const RecordRef& record, std::string_view user) {
  counts_.out.add();
  if (user.empty()) {
    for (Output* output : outputs_) output->put(record);
    return;
  }
  counts_.with_user.add();
  Common common = *record.common;
  common.user = user;
  for (Output* output : outputs_) output->put({record.type, &common, record.body});
}

void EnrichmentStage::hold(const RecordRef& record) {
  if (waiting_.size() >= settings_.most_waiting) make_room();
  auto body = std::make_unique<std::byte[]>(record.type->body_size);
  std::memcpy(body.get(), record.body, record.type->body_size);
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
  leave({});
}

/// The oldest one.
void EnrichmentStage::leave(std::string_view user) {
  const Waiting first = std::move(waiting_.front());
  waiting_.pop_front();
  const auto flow = flows_.find(first.common.flow_id);
  if (--flow->second == 0) flows_.erase(flow);
  give(first.record(), user);
}

void EnrichmentStage::release(Clock::time_point now) {
  while (!waiting_.empty()) {
    const Owners::Answer answer = user_of(waiting_.front().record());
    if (answer.known == Owners::Known::Asked) {
      if (waiting_.front().deadline > now) return;
      counts_.unanswered.add(Unanswered::Late);
    }
    if (answer.known == Owners::Known::Unknown) counts_.unanswered.add(Unanswered::Unavailable);
    leave(answer.user);
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
