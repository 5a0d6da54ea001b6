#include "export/template_exporter.h"

#include <algorithm>
#include <cstring>

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

}  // namespace

TemplateExporter::TemplateExporter(const ExportSettings& settings, Link& link)
    : Exporter(settings.live),
      settings_(settings),
      protocol_(settings.numbering.protocol),
      link_(link),
      most_(link.largest_message()),
      room_(std::max(most_, kBatchOctets)),
      next_id_(kFirstRecordTemplate) {}

TemplateExporter::Kind::Kind(const RecordType& type, const Template& columns, const Numbering& numbering)
    : plan(type, columns, numbering), image(type), copier(plan, image) {
  const auto number = [&](std::string_view name, const RecordImage::Number& otherwise = {}) {
    const auto row = std::find_if(type.fields.begin(), type.fields.end(),
                                  [&name](const Field& field) { return field.name == name; });
    return row == type.fields.end() ? otherwise : image.number_at(*row);
  };
  packets = number("packetDeltaCount");
  octets = number("octetDeltaCount");
  reverse_packets = number("reversePacketDeltaCount");
  reverse_octets = number("reverseOctetDeltaCount");
  start = number("flowStartMilliseconds", number("observationTimeMilliseconds"));
  end = number("flowEndMilliseconds", start);
}

TemplateExporter::Kind& TemplateExporter::kind(const RecordType& type) {
  for (Kind& known : kinds_) {
    if (&known.plan.type() == &type) return *(last_kind_ = &known);
  }
  const auto given = std::find_if(settings_.templates.begin(), settings_.templates.end(),
                                  [&type](const auto& one) { return one.first == &type; });
  Template columns =
      given != settings_.templates.end() ? given->second : default_template(type, settings_.numbering, nullptr);
  // Of a probe that samples nothing it would be 0 in records that have a column for everything.
  if (!columns.fixed && settings_.sampling <= 1)
    std::erase_if(columns.columns, [](const Column& column) { return column.field->name == "samplingInterval"; });
  return *(last_kind_ = &kinds_.emplace_back(type, columns, settings_.numbering));
}

void TemplateExporter::put(const RecordRef& record) {
  Kind& of = last_kind_ != nullptr && &last_kind_->plan.type() == record.type ? *last_kind_ : kind(*record.type);
  link_.counters().offered.add();
  of.image.read(record, of.plan.every_column());
  const auto start_ms = static_cast<int64_t>(of.image.number(of.start));
  const auto end_ms = static_cast<int64_t>(of.image.number(of.end));
  if (clock_.note(start_ms, end_ms)) {
    send_everything();
    clock_.restart(start_ms, end_ms);
  }
  if (settings_.numbering.protocol == ExportProtocol::NetflowV9 && !clock_.is_told(start_ms))
    link_.counters().clipped.add();
  Derived derived;
  derived.ip_version = record.common->source.version;
  derived.start_uptime_ms = clock_.uptime_ms(start_ms);
  derived.end_uptime_ms = clock_.uptime_ms(end_ms);
  derived.duration_ms = static_cast<uint32_t>(std::clamp<int64_t>(end_ms - start_ms, 0, UINT32_MAX));

  const uint64_t back = of.image.number(of.reverse_packets);
  const Told told{1, of.image.number(of.packets) + back,
                  of.image.number(of.octets) + of.image.number(of.reverse_octets)};
  if (back == 0) {
    put(of, record, derived, Direction::Forward, told);
  } else if (of.plan.two_directions()) {
    put(of, record, derived, Direction::Both, told);
  } else {
    put(of, record, derived, Direction::Forward, told);
    derived.biflow_direction = 2;
    put(of, record, derived, Direction::Backward, {});  // the flow was counted with its first half
  }
}

void TemplateExporter::put(Kind& of, const RecordRef& record, Derived& derived, Direction direction, const Told& told) {
  of.image.read(derived);
  if (!put_quickly(of, record, derived, direction, told)) put_slowly(of, record, derived, direction, told);
}

bool TemplateExporter::put_quickly(Kind& of, const RecordRef& record, const Derived& derived, Direction direction,
                                   const Told& told) {
  if (layouts_ >= kMostLayouts) return false;
  const auto key = of.copier.look(direction);
  if (!key) return false;
  const auto*& recent = of.recent[key->hash() >> 58];
  if (recent == nullptr || !(recent->first == *key)) {
    const auto known = of.routes.find(*key);
    recent = known != of.routes.end() ? &*known : &learn(of, *key, record, derived, direction);
  }
  const Route& route = recent->second;
  const size_t size = of.copier.size(route.steps, record);
  if (size + kPadding > longest_record()) return false;
  char* const out = room(*route.layout, size, told);
  if (!of.copier.copy(route.steps, out)) link_.counters().shortened.add();
  return true;
}

/// The columns of the first record of a key are those of all that follow.
const TemplateExporter::Routes::value_type& TemplateExporter::learn(Kind& of, const RecordCopier::Key& key,
                                                                    const RecordRef& record, const Derived& derived,
                                                                    Direction direction) {
  const size_t longest = longest_record();
  scratch_.resize(std::max(scratch_.size(), of.plan.largest(longest)));
  const ColumnSet columns = of.plan.write(record, derived, direction, longest, false, scratch_.data()).columns;
  return *of.routes.emplace(key, Route{of.copier.steps(columns, direction), &layout(of, columns)}).first;
}

void TemplateExporter::put_slowly(Kind& of, const RecordRef& record, const Derived& derived, Direction direction,
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
  std::memcpy(room(layout(of, written.columns), written.size, told), scratch_.data(), written.size);
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

/// Where the next record of `size` octets stands in the open message.
char* TemplateExporter::room(Layout& to, size_t size, const Told& told) {
  if (to.open.size != 0 && to.end - to.message_at + size + kPadding > most_) close_message(to);
  if (to.open.size == 0) open_message(to);
  char* const at = to.batch.bytes.data() + to.end;
  to.end += size;
  ++to.open.count;
  to.open.told += told;
  return at;
}

void TemplateExporter::open_message(Layout& to) {
  if (to.batch.bytes.size() + most_ > room_) release(to);
  if (to.batch.bytes.capacity() < room_ + RecordCopier::kSlack) to.batch.bytes.reserve(room_ + RecordCopier::kSlack);
  to.message_at = to.batch.bytes.size();
  to.batch.bytes.resize(to.message_at + most_ + RecordCopier::kSlack);
  to.end = to.message_at + header_size(protocol_) + kSetHeader;
  put_number(to.batch.bytes.data() + to.end - kSetHeader, to.id);
  to.open = {};
  to.open.size = 1;
}

void TemplateExporter::close_message(Layout& to) {
  if (to.open.size == 0) return;
  const size_t set_at = to.message_at + header_size(protocol_);
  if (protocol_ == ExportProtocol::NetflowV9) {
    while ((to.end - set_at) % 4 != 0) to.batch.bytes[to.end++] = '\0';
  }
  to.batch.bytes.resize(to.end);
  put_number(to.batch.bytes.data() + set_at + 2, static_cast<uint16_t>(to.end - set_at));
  to.open.size = static_cast<uint32_t>(to.end - to.message_at);
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

void TemplateExporter::send_options(bool define, bool with_types) {
  SetWriter sets(protocol_, most_);
  append_options(sets, settings_, link_.counters(), define);
  if (with_types && protocol_ == ExportProtocol::Ipfix) append_types(sets, settings_);
  clock_.tell(link_.session());
  link_.send(sets.finish());
}

void TemplateExporter::begin_session() {
  in_session_ = true;
  refreshed_ = std::chrono::steady_clock::now();
  send_templates();
  send_options(true, true);
}

void TemplateExporter::flush(SteadyTime now) {
  send_everything();
  const auto period = std::chrono::seconds(settings_.template_refresh_s);
  if (!in_session_ || now - refreshed_ < period) return;
  refreshed_ = now;
  if (link_.forgets()) send_templates();
  send_options(link_.forgets(), link_.forgets());
}

void TemplateExporter::finish() {
  send_everything();
  if (in_session_) send_options(link_.forgets(), false);  // no record follows that types would explain
}

}  // namespace microcloud
