#include "query/listing.h"

#include "cloud/batch_reader.h"
#include "cloud/key_names.h"
#include "query/wanted_flows.h"

namespace microcloud {
namespace {

constexpr size_t kKeysAtOnce = 4'096;

}  // namespace

size_t KeyNamesFound::place(std::string_view name) const {
  const size_t mask = slots_.size() - 1;
  size_t at = static_cast<size_t>(hash_text(seed_, name)) & mask;
  while (slots_[at] != 0 && this->name(slots_[at] - 1) != name) at = (at + 1) & mask;
  return at;
}

bool KeyNamesFound::add(std::string_view name) {
  if ((starts_.size() + 1) * 2 > slots_.size()) grow();
  const size_t at = place(name);
  if (slots_[at] != 0) return false;
  starts_.push_back(text_.size());
  text_ += name;
  slots_[at] = static_cast<uint32_t>(starts_.size());
  return true;
}

void KeyNamesFound::grow() {
  slots_.assign(slots_.size() * 2, 0);
  for (size_t number = 0; number < starts_.size(); ++number)
    slots_[place(name(number))] = static_cast<uint32_t>(number + 1);
}

/// Every flow: what it is worth, the accounting says.
struct EveryFlow final : FlowFilter {
  bool may_take(const FlowKey&) const override { return true; }
  bool takes(const Common&, const FlowRecord&) const override { return true; }
};

Listing::Listing(const LiveView& view, const std::string& pattern, std::string type)
    : view_(view),
      pattern_(pattern),
      type_(std::move(type)),
      trees_(trees_of(pattern, view.accounting.realm)),
      flow_prefix_(realm_prefix(view.accounting.realm) + "flow."),
      found_(view.seed),
      buffer_(SIZE_MAX, view.seed) {
  if (type_ == "zset")
    trees_ = {.hosts = false, .macs = false, .vlans = false, .applications = false, .ports = false, .flows = false};
  AccountingView wanted{.host_sets = trees_.host_sets && type_ != "hash",
                        .macs = trees_.macs,
                        .vlans = trees_.vlans,
                        .applications = trees_.applications,
                        .ports = trees_.ports,
                        .hosts = trees_.hosts || trees_.host_sets};
  if (view.writer != nullptr) {
    wanted.known = [&view](const IpAddress& host) {
      std::optional<KnownHost> known;
      view.writer->look([&](const CloudWriter::Unacknowledged& now) { known = now.accounting.known_host(host); });
      return known;
    };
  }
  buffer_.hurry();
  accounting_ = std::make_unique<Accounting>(view.accounting, buffer_, view.seed, std::move(wanted));
}

FlowQuestion Listing::question() const {
  FlowQuestion question;
  if (trees_.any_flow() && type_ != "string") question.filter = std::make_shared<EveryFlow>();
  return question;
}

void Listing::add(const Common& common, const FlowRecord& flow) {
  if (too_many()) return;
  accounting_->put({&kFlowRecordType, &common, &flow}, 1);
  if (trees_.flows) take_flow(common);
  if (buffer_.size() >= kKeysAtOnce) take_buffer();
}

void Listing::take_flow(const Common& common) {
  const auto id = community_id_of(common);
  const size_t size = flow_prefix_.size();
  flow_prefix_.append(id.data(), id.size());
  take(flow_prefix_);
  flow_prefix_.resize(size);
}

void Listing::take(std::string_view key) {
  if (!pattern_.matches(key)) return;
  if (!type_.empty()) {
    const KeyTarget::Kind kind = parse_key(key, view_.accounting.realm).kind;
    const std::string_view type = kind == KeyTarget::Kind::HostSet  ? "zset"
                                  : kind == KeyTarget::Kind::Schema ? "string"
                                                                    : "hash";
    if (type != type_) return;
  }
  found_.add(key);
}

void Listing::take_buffer() {
  for (; buffer_.size() > 0; buffer_.pop_front()) take(buffer_.front().key());
}

void Listing::list_lane(CloudWriter::Unacknowledged::OfLane CloudWriter::Unacknowledged::*lane) {
  std::deque<std::shared_ptr<const Batch>> batches;
  MergeBuffer::Position of_returning, of_waiting;
  // In parts, as records wait meanwhile; what is put into a batch between two of them is found in the batches.
  for (bool more = true; more;) {
    std::vector<std::string> keys;
    const auto look = [&keys](const KeyUpdate& one) { keys.push_back(one.key()); };
    view_.writer->look([&](const CloudWriter::Unacknowledged& now) {
      const LaneFeed& feed = (now.*lane).feed;
      more = feed.overflow() != nullptr && feed.overflow()->returning().each_from(of_returning, kKeysAtOnce, look);
      more = more || feed.buffer().each_from(of_waiting, kKeysAtOnce, look);
    });
    for (const std::string& key : keys) take(key);
  }
  view_.writer->look([&](const CloudWriter::Unacknowledged& now) {
    batches = (now.*lane).feed.batches();
    if ((now.*lane).lane != nullptr)
      (now.*lane).lane->each_open([this](const KeyUnit& unit) { (void)buffer_.at(unit.key); });
  });
  for (const auto& batch : batches)
    add_batch(
        batch->commands, [](std::string_view) { return true; }, buffer_);
  take_buffer();
}

void Listing::finish() {
  take_buffer();
  accounting_.reset();
  if (view_.writer != nullptr) {
    list_lane(&CloudWriter::Unacknowledged::merging);
    list_lane(&CloudWriter::Unacknowledged::urgent);
  }
  const std::string realm = realm_prefix(view_.accounting.realm);
  take(realm + "probe." + view_.probe_id);
  take("meta.schema");
  found_.close();
}

}  // namespace microcloud
