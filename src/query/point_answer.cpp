#include "query/point_answer.h"

#include <algorithm>
#include <cstring>

#include "cloud/batch_reader.h"
#include "cloud/key_names.h"
#include "record/value_text.h"

namespace microcloud {
namespace {

using Kind = KeyTarget::Kind;

constexpr size_t kNoBound = SIZE_MAX;

}  // namespace

PointAnswer::PointAnswer(const LiveView& view, const std::vector<std::string>& keys)
    : view_(view),
      asked_(keys.size(), TextHash{view.seed}),
      hosts_(0, IpAddressHash{view.seed}),
      flow_prefix_(realm_prefix(view.accounting.realm) + "flow."),
      known_(0, IpAddressHash{view.seed}),
      systems_(0, IpAddressHash{view.seed}),
      waiting_(kNoBound, view.seed),
      buffer_(kNoBound, view.seed) {
  std::vector<KeyTarget> walked;
  for (const std::string& key : keys) {
    const auto [at, is_new] = asked_.try_emplace(key);
    if (!is_new) continue;
    KeyTarget& target = at->second.target = parse_key(at->first, view.accounting.realm);
    if (target.is_host()) hosts_.insert(target.host);
    // Where every host has a key of its own, no open flow is of another one.
    if (target.kind == Kind::OtherHosts && view.accounting.hosts == HostChoice::All) continue;
    wants_others_ = wants_others_ || target.kind == Kind::OtherHosts;
    wants_flows_ = wants_flows_ || target.kind == Kind::Flow;
    if (target.needs_walk()) walked.push_back(target);
  }
  if (walked.empty()) return;
  for (const auto& [key, asked] : asked_) {
    if (asked.target.is_host()) walked.push_back(asked.target);
  }
  filter_ = std::make_shared<WantedFlows>(walked);
}

FlowQuestion PointAnswer::question() const {
  FlowQuestion question;
  question.exact = view_.writer != nullptr;
  question.filter = filter_;
  if (!filter_) {
    question.hosts.assign(hosts_.begin(), hosts_.end());
    std::sort(question.hosts.begin(), question.hosts.end());
  }
  return question;
}

void PointAnswer::at_cut() {
  if (view_.writer == nullptr) return;
  view_.writer->look([this](const CloudWriter::Unacknowledged& now) { look_at(now); });
}

void PointAnswer::look_at(const CloudWriter::Unacknowledged& now) {
  const LaneFeed& feed = now.merging.feed;
  is_cluster_ = now.merging.lane != nullptr;
  const Overflow* overflow = feed.overflow();
  const MergeBuffer* returning = overflow == nullptr ? nullptr : &overflow->returning();
  // What is in a file cannot be told: then the rest of the key is no use.
  const auto unless_hidden = [this](bool hidden, uint64_t number) {
    return !hidden ? static_cast<int64_t>(number) : is_cluster_ ? kUnknownUnit : kUnknownBatch;
  };
  const bool hides = overflow != nullptr && overflow->has_spilled();
  batch_ = unless_hidden(hides, is_cluster_ ? now.merging.lane->stands_at() : feed.acknowledged());
  last_ = unless_hidden(hides, feed.last());
  batches_ = feed.batches();
  urgent_batches_ = now.urgent.feed.batches();
  for (auto& [key, asked] : asked_) {
    asked.batch =
        unless_hidden(hides && overflow->may_hide(key), is_cluster_ ? now.merging.lane->stands_at(key) : feed.last());
    if (is_cluster_) asked.applied = now.merging.lane->acknowledged_of(key);
    for (const CloudWriter::Unacknowledged::OfLane* of : {&now.merging, &now.urgent}) {
      if (is_cluster_) {
        for (const KeyUnit* unit : of->lane->open_of(key)) add_unit(*unit, buffer_);
      }
      for (const MergeBuffer* buffer : {of == &now.merging ? returning : nullptr, &of->feed.buffer()}) {
        const KeyUpdate* waiting = buffer == nullptr ? nullptr : buffer->find(key);
        if (waiting != nullptr) (is_cluster_ ? buffer_ : waiting_).at(key).merge(*waiting);
      }
    }
  }
  for (const IpAddress& host : hosts_) {
    if (const auto known = now.accounting.known_host(host)) known_.emplace(host, *known);
  }
}

AccountingView PointAnswer::accounting_view() {
  AccountingView wanted{.host_sets = false, .macs = false, .vlans = false, .applications = false, .ports = false};
  for (const auto& [key, asked] : asked_) {
    wanted.host_sets |= asked.target.kind == Kind::HostSet;
    wanted.macs |= asked.target.kind == Kind::Mac;
    wanted.vlans |= asked.target.kind == Kind::Vlan;
    wanted.applications |= asked.target.kind == Kind::Application;
    wanted.ports |= asked.target.kind == Kind::Port;
  }
  wanted.hosts = !hosts_.empty() || wants_others_;
  wanted.only_hosts = &hosts_;
  wanted.known = [this](const IpAddress& host) -> std::optional<KnownHost> {
    if (const auto found = known_.find(host); found != known_.end()) return found->second;
    if (view_.writer == nullptr || !wants_others_ || hosts_.contains(host)) return std::nullopt;
    std::optional<KnownHost> known;
    view_.writer->look([&](const CloudWriter::Unacknowledged& now) { known = now.accounting.known_host(host); });
    return known;
  };
  return wanted;
}

void PointAnswer::keep(const RecordRef& record) {
  if (view_.writer == nullptr) return;
  Kept& kept = kept_.emplace_back(Kept{record.type, *record.common, std::make_unique<std::byte[]>(record.body_used())});
  std::memcpy(kept.body.get(), record.body, record.body_used());
}

void PointAnswer::account(const RecordRef& record) {
  if (!accounting_)
    accounting_ = std::make_unique<Accounting>(view_.accounting, buffer_, view_.seed, accounting_view());
  accounting_->put(record, 1);
}

void PointAnswer::add(const Common& common, const FlowRecord& flow) {
  account({&kFlowRecordType, &common, &flow});
  if (flow.initiator_system != HostSystem::Unknown && flow.slice == 1 && hosts_.contains(common.source))
    systems_[common.source].add(flow.initiator_system);
  if (wants_flows_) set_flow(common, flow);
}

void PointAnswer::set_flow(const Common& common, const FlowRecord& flow) {
  const auto id = community_id_of(common);
  const size_t prefix = flow_prefix_.size();
  flow_prefix_.append(id.data(), id.size());
  const auto found = asked_.find(flow_prefix_);
  flow_prefix_.resize(prefix);
  if (found != asked_.end()) found->second.entry = Entry::of_fields(flow_fields(common, flow, view_.probe_id));
}

Entry PointAnswer::probe_entry() const {
  Entry::Fields fields = view_.heartbeat ? view_.heartbeat() : Entry::Fields{};
  if (view_.writer != nullptr) {
    fields.emplace_back("batch", std::to_string(batch_));
    if (!is_cluster_) fields.emplace_back("lastBatch", std::to_string(last_));
    const Entry::Fields health = view_.writer->health();
    fields.insert(fields.end(), health.begin(), health.end());
    fields.emplace_back("ledger", view_.writer->ledger());
    fields.emplace_back("incarnation", view_.incarnation);
  }
  return Entry::of_fields(std::move(fields));
}

void PointAnswer::finish() {
  for (const Kept& kept : kept_) account({kept.type, &kept.common, kept.body.get()});
  for (const auto& batch : batches_) {
    add_batch(
        batch->commands,
        [&](std::string_view key) {
          const auto found = asked_.find(key);
          if (found == asked_.end()) return false;
          found->second.batch = std::min(found->second.batch, static_cast<int64_t>(batch->number) - 1);
          return true;
        },
        buffer_);
  }
  for (const auto& batch : urgent_batches_)
    add_batch(
        batch->commands, [this](std::string_view key) { return asked_.contains(key); }, buffer_);
  for (; waiting_.size() > 0; waiting_.pop_front()) {
    const KeyUpdate& newer = waiting_.front();
    buffer_.at(newer.key()).merge(newer);
  }
  for (auto& [key, asked] : asked_) {
    if (asked.target.kind == Kind::Schema) {
      asked.entry.type = Entry::Type::String;
      asked.entry.text = std::to_string(kCloudSchema);
    } else if (asked.target.kind == Kind::Probe) {
      if (asked.target.name == view_.probe_id) asked.entry = probe_entry();
    } else if (const KeyUpdate* update = buffer_.find(key); update != nullptr) {
      asked.entry = Entry::of(*update);
      if (asked.target.kind == Kind::Host && asked.entry.type == Entry::Type::Hash) add_learnt(asked);
    }
    if (view_.writer != nullptr) stamp(asked);
  }
}

/// What waits for the node may say less, or be older.
void PointAnswer::add_learnt(Asked& asked) const {
  const auto set = [&asked](std::string_view field, std::string_view text) {
    if (text.empty()) return;
    Entry::Fields& fields = asked.entry.fields;
    const auto known =
        std::find_if(fields.begin(), fields.end(), [field](const auto& one) { return one.first == field; });
    if (known == fields.end()) {
      fields.emplace_back(field, text);
    } else {
      known->second = text;
    }
  };
  LearntHosts::Host learnt;
  if (view_.learnt != nullptr) learnt = view_.learnt->look(asked.target.host);
  HostSystem system = learnt.systems.system();
  const auto open = systems_.find(asked.target.host);
  if (system == HostSystem::Unknown && open != systems_.end()) system = open->second.system();
  set(kNameField, learnt.name);
  set(kSystemField, to_text(system));
  set(kUserField, learnt.user);
}

void PointAnswer::stamp(Asked& asked) const {
  Entry& entry = asked.entry;
  if (entry.type == Entry::Type::None && asked.applied != 0)
    entry.type = asked.target.kind == Kind::HostSet ? Entry::Type::SortedSet : Entry::Type::Hash;
  const auto add = [&](std::string_view field, int64_t number) {
    if (entry.type == Entry::Type::Hash) entry.fields.emplace_back(field, std::to_string(number));
    if (entry.type == Entry::Type::SortedSet && is_cluster_)
      entry.members.emplace(entry.members.begin(), field, -number);
  };
  if (asked.applied != 0) add(kAppliedField, static_cast<int64_t>(asked.applied));
  add(kBatchField, asked.batch);
}

const Entry& PointAnswer::entry(std::string_view key) const {
  static const Entry kNone;
  const auto found = asked_.find(key);
  return found == asked_.end() ? kNone : found->second.entry;
}

Entry::Fields flow_fields(Common common, const FlowRecord& flow, std::string_view probe_id) {
  common.probe_id = probe_id;
  Entry::Fields fields;
  Scratch scratch;
  const auto add = [&](std::span<const Field> rows, const void* from) {
    for (const Field& row : rows) {
      const Value value = row.read(from, scratch);
      if (value.kind == Value::Kind::Absent || (row.name == "flowEndReason" && flow.end_reason == 0)) continue;
      std::string text;
      append_text(text, value, scratch);
      fields.emplace_back(row.name, std::move(text));
    }
  };
  add(common_fields(), &common);
  add(kFlowRecordType.fields, &flow);
  return fields;
}

}  // namespace microcloud
