#include "export/template_exporter.h"

#include <algorithm>
#include <bit>

#include "export/options.h"
#include "export/sets.h"
#include "record/wire.h"

namespace microcloud {
namespace {

constexpr size_t kSetHeader = 4;
constexpr size_t kPadding = 3;
constexpr uint16_t kLastId = 0xffff;
constexpr uint32_t kMostLayouts =
    1024;  // of all records; then absent values are zero in those that have too few in common
constexpr size_t kBatchOctets = size_t{60} << 10;
constexpr size_t kLongestText = 0xffff - 64;
constexpr size_t kShortestText = 24;

size_t slot_of(const ColumnSet& columns) {
  const uint64_t mixed = (columns.words[0] ^ std::rotl(columns.words[1], 31)) * 0x9e3779b97f4a7c15U;
  return mixed >> 58;
}

}  // namespace

TemplateExporter::TemplateExporter(const ExportSettings& settings, Link& link)
    : Exporter(settings.live),
      settings_(settings),
      protocol_(settings.numbering.protocol),
      link_(link),
      most_(link.largest_message()),
      room_(std::max(most_, kBatchOctets)),
      next_id_(kFirstRecordTemplate) {}

TemplateExporter::Kind& TemplateExporter::kind(const RecordType& type) {
  for (Kind& known : kinds_) {
    if (&known.plan.type() == &type) return known;
  }
  const auto given = std::find_if(settings_.templates.begin(), settings_.templates.end(),
                                  [&type](const auto& one) { return one.first == &type; });
  Template columns =
      given != settings_.templates.end() ? given->second : default_template(type, settings_.numbering, nullptr);
  // Of a probe that samples nothing it would be 0 in records that have a column for everything.
  if (!columns.fixed && settings_.sampling <= 1)
    std::erase_if(columns.columns, [](const Column& column) { return column.field->name == "samplingInterval"; });
  Kind& made = kinds_.emplace_back(Kind{RecordPlan(type, columns, settings_.numbering), FlowNumbers(type), {}, {}});
  return made;
}

void TemplateExporter::put(const RecordRef& record) {
  Kind& of = kind(*record.type);
  link_.counters().offered.add();
  Derived derived;
  derived.ip_version = record.common->source.version;
  const int64_t start_ms = of.view.start_ms(record);
  const int64_t end_ms = of.view.end_ms(record);
  if (clock_.note(start_ms, end_ms)) {
    send_everything();
    clock_.restart(start_ms, end_ms);
  }
  derived.start_uptime_ms = static_cast<uint32_t>(start_ms - clock_.boot_ms());
  derived.end_uptime_ms = static_cast<uint32_t>(end_ms - clock_.boot_ms());
  derived.duration_ms = static_cast<uint32_t>(std::clamp<int64_t>(end_ms - start_ms, 0, UINT32_MAX));

  const Told told = of.view.told(record);
  if (!of.view.is_flow() || of.view.reverse_packets(record) == 0) {
    put(of, record, derived, Direction::Forward, told);
  } else if (of.plan.two_directions()) {
    put(of, record, derived, Direction::Both, told);
  } else {
    put(of, record, derived, Direction::Forward, told);
    derived.biflow_direction = 2;
    put(of, record, derived, Direction::Backward, {});  // the flow was counted with its first half
  }
}

void TemplateExporter::put(Kind& of, const RecordRef& record, const Derived& derived, Direction direction,
                           const Told& told) {
  const bool every = layouts_ >= kMostLayouts;
  RecordPlan::Written written;
  for (size_t longest = kLongestText;; longest /= 2) {
    longest = std::min(longest, longest_record());
    scratch_.resize(std::max(scratch_.size(), of.plan.largest(longest)));
    written = of.plan.write(record, derived, direction, longest, every, scratch_.data());
    if (written.size + kPadding <= longest_record()) break;
    if (longest < kShortestText) {
      link_.counters().lose(ExportLoss::TooLong, told);
      return;
    }
  }
  if (written.shortened) link_.counters().shortened.add();
  Layout*& recent = of.recent[slot_of(written.columns)];
  if (recent == nullptr || !(recent->columns == written.columns)) recent = &layout(of, written.columns);
  append(*recent, {scratch_.data(), written.size}, told);
}

TemplateExporter::Layout& TemplateExporter::layout(Kind& of, const ColumnSet& columns) {
  for (Layout& known : of.layouts) {
    if (known.columns == columns) return known;
  }
  Layout& made = of.layouts.emplace_back();
  made.columns = columns;
  made.id = next_id_;
  if (next_id_ < kLastId) ++next_id_;
  ++layouts_;
  made.definition = define(of, columns, made.id);
  if (in_session_) {
    SetWriter sets(protocol_, most_);
    sets.add(SetKind::Templates, 0, made.definition);
    clock_.tell(link_.session());
    link_.send(sets.finish());
  }
  return made;
}

std::string TemplateExporter::define(const Kind& of, const ColumnSet& columns, uint16_t id) const {
  RecordBytes bytes;
  uint16_t count = 0;
  for (size_t at = 0; at < of.plan.slots().size(); ++at)
    count = static_cast<uint16_t>(count + (columns.has(at) ? 1 : 0));
  bytes.add(id).add(count);
  for (size_t at = 0; at < of.plan.slots().size(); ++at) {
    if (columns.has(at)) bytes.add_specifier(of.plan.slots()[at].element, of.plan.slots()[at].length);
  }
  return bytes.take();
}

void TemplateExporter::append(Layout& to, std::string_view record, const Told& told) {
  const size_t used = to.batch.bytes.size() - to.message_at;
  if (to.open.size != 0 && used + record.size() + kPadding > most_) close_message(to);
  if (to.open.size == 0) open_message(to);
  const size_t at = to.batch.bytes.size();
  to.batch.bytes.resize(at + record.size());
  std::memcpy(to.batch.bytes.data() + at, record.data(), record.size());
  ++to.open.count;
  to.open.told += told;
}

void TemplateExporter::open_message(Layout& to) {
  if (to.batch.bytes.size() + most_ > room_) release(to);
  if (to.batch.bytes.capacity() < room_) to.batch.bytes.reserve(room_);
  to.message_at = to.batch.bytes.size();
  to.batch.bytes.resize(to.message_at + header_size(protocol_) + kSetHeader);
  put_number(to.batch.bytes.data() + to.batch.bytes.size() - kSetHeader, to.id);
  to.open = {};
  to.open.size = 1;
}

void TemplateExporter::close_message(Layout& to) {
  if (to.open.size == 0) return;
  const size_t set_at = to.message_at + header_size(protocol_);
  if (protocol_ == ExportProtocol::NetflowV9)
    to.batch.bytes.resize(set_at + ((to.batch.bytes.size() - set_at + 3) & ~size_t{3}));
  put_number(to.batch.bytes.data() + set_at + 2, static_cast<uint16_t>(to.batch.bytes.size() - set_at));
  to.open.size = static_cast<uint32_t>(to.batch.bytes.size() - to.message_at);
  to.open.data_records = to.open.count;
  to.open.flows = true;
  to.batch.messages.push_back(to.open);
  to.open = {};
}

void TemplateExporter::release(Layout& layout) {
  if (layout.batch.messages.empty()) return;
  clock_.tell(link_.session());
  link_.send(layout.batch);
}

void TemplateExporter::send_everything() {
  for (Kind& of : kinds_) {
    for (Layout& layout : of.layouts) {
      close_message(layout);
      release(layout);
    }
  }
}

void TemplateExporter::send_templates() {
  SetWriter sets(protocol_, most_);
  for (const Kind& of : kinds_) {
    for (const Layout& layout : of.layouts) sets.add(SetKind::Templates, 0, layout.definition);
  }
  clock_.tell(link_.session());
  if (MessageBatch& batch = sets.finish(); !batch.messages.empty()) link_.send(batch);
}

void TemplateExporter::send_options(bool define) {
  SetWriter sets(protocol_, most_);
  append_options(sets, settings_, link_.counters(), define);
  if (define && protocol_ == ExportProtocol::Ipfix) append_types(sets, settings_);
  clock_.tell(link_.session());
  link_.send(sets.finish());
}

void TemplateExporter::begin_session() {
  in_session_ = true;
  refreshed_ = std::chrono::steady_clock::now();
  send_templates();
  send_options(true);
}

void TemplateExporter::flush(SteadyTime now) {
  send_everything();
  const auto period = std::chrono::seconds(settings_.template_refresh_s);
  if (!in_session_ || now - refreshed_ < period) return;
  refreshed_ = now;
  if (link_.forgets()) send_templates();
  send_options(link_.forgets());
}

void TemplateExporter::finish() {
  send_everything();
  if (in_session_) send_options(link_.forgets());
}

}  // namespace microcloud
