#include "export/v5_exporter.h"

#include <algorithm>
#include <array>

#include "record/wire.h"

namespace microcloud {
namespace {

constexpr size_t kRecordSize = 48;
constexpr uint16_t kMostRecords = 30;
constexpr size_t kMessagesAtOnce = 40;
constexpr uint64_t kMostCounter = 0xffffffff;
constexpr uint16_t kRandomMode = 2U << 14;

enum Row : size_t {
  kPackets,
  kOctets,
  kReversePackets,
  kReverseOctets,
  kFlags,
  kReverseFlags,
  kTos,
  kIngress,
  kEgress
};
constexpr std::array<std::string_view, 9> kRows = {
    "packetDeltaCount",      "octetDeltaCount",  "reversePacketDeltaCount", "reverseOctetDeltaCount", "tcpControlBits",
    "reverseTcpControlBits", "ipClassOfService", "ingressInterface",        "egressInterface"};

uint16_t interface(uint64_t index) {
  return index > 0xffff ? uint16_t{0} : static_cast<uint16_t>(index);  // 0: unknown
}

}  // namespace

V5Exporter::V5Exporter(const ExportSettings& settings, Link& link) : Exporter(settings.live), link_(link) {
  if (settings.sampling > 1) link.session().v5_sampling = static_cast<uint16_t>(kRandomMode | settings.sampling);
}

bool V5Exporter::begin(const RecordType& type) {
  if (type_ == &type) return true;
  FlowNumbers view(type);
  if (!view.is_flow()) return false;
  type_ = &type;
  view_ = view;
  for (size_t at = 0; at < kRows.size(); ++at) rows_[at] = find_column(type, kRows[at]);
  return true;
}

void V5Exporter::put(const RecordRef& record) {
  link_.counters().offered.add();
  const bool flow = begin(*record.type);
  const Told told = flow ? view_->told(record) : Told{1, 0, 0};
  const Common& common = *record.common;
  if (!flow || common.source.version != 4) {
    link_.counters().lose(ExportLoss::NotInV5, told);
    return;
  }
  Scratch scratch;
  const auto number = [&](Row row) -> uint64_t {
    if (!rows_[row]) return 0;
    const Value value = rows_[row]->field->read(record.body, scratch);
    return value.kind == Value::Kind::Absent ? 0 : value.number;
  };
  OneWay out;
  out.source = common.source.as_v4();
  out.destination = common.destination.as_v4();
  out.source_port = common.source_port;
  out.destination_port = common.destination_port;
  // As exporters of v5 have it: of ICMP, type and code stand as the destination port.
  if (!common.has_ports && common.icmp_type_code) out.destination_port = *common.icmp_type_code;
  out.protocol = common.protocol;
  out.tos = static_cast<uint8_t>(number(kTos));
  out.tcp_flags = static_cast<uint8_t>(number(kFlags));
  out.input = interface(number(kIngress));
  out.output = interface(number(kEgress));
  out.packets = number(kPackets);
  out.octets = number(kOctets);
  out.start_ms = view_->start_ms(record);
  out.end_ms = view_->end_ms(record);
  if (clock_.note(out.start_ms, out.end_ms)) {
    close_message();
    release();
    clock_.restart(out.start_ms, out.end_ms);
  }
  if (!clock_.is_told(out.start_ms)) link_.counters().clipped.add();
  put_one_way(out, told);
  OneWay back = out;
  back.packets = number(kReversePackets);
  if (back.packets == 0) return;
  back.octets = number(kReverseOctets);
  std::swap(back.source, back.destination);
  if (common.has_ports) std::swap(back.source_port, back.destination_port);
  back.tcp_flags = static_cast<uint8_t>(number(kReverseFlags));
  put_one_way(back, {});
}

/// Counters have 32 bits: a larger flow is told in several records.
void V5Exporter::put_one_way(const OneWay& flow, const Told& told) {
  const uint64_t pieces = 1 + std::max(flow.packets, flow.octets) / (kMostCounter + 1);
  for (uint64_t piece = 0; piece < pieces; ++piece) {
    const auto share = [&](uint64_t all) {
      return static_cast<uint32_t>(all / pieces + (piece < all % pieces ? 1 : 0));
    };
    put_piece(flow, share(flow.packets), share(flow.octets), piece == 0 ? told : Told{});
  }
}

void V5Exporter::put_piece(const OneWay& flow, uint32_t packets, uint32_t octets, const Told& told) {
  if (open_.count == kMostRecords) close_message();
  if (open_.count == 0) {
    if (batch_.messages.size() == kMessagesAtOnce) release();
    message_at_ = batch_.bytes.size();
    batch_.bytes.resize(message_at_ + kV5Header);
  }
  const size_t at = batch_.bytes.size();
  batch_.bytes.resize(at + kRecordSize);
  char* out = batch_.bytes.data() + at;
  out = put_bytes(out, flow.source.bytes.data(), 4);
  out = put_bytes(out, flow.destination.bytes.data(), 4);
  out = put_number(out, uint32_t{0});  // next hop
  out = put_number(out, flow.input);
  out = put_number(out, flow.output);
  out = put_number(out, packets);
  out = put_number(out, octets);
  out = put_number(out, clock_.uptime_ms(flow.start_ms));
  out = put_number(out, clock_.uptime_ms(flow.end_ms));
  out = put_number(out, flow.source_port);
  out = put_number(out, flow.destination_port);
  out = put_number(out, uint8_t{0});
  out = put_number(out, flow.tcp_flags);
  out = put_number(out, flow.protocol);
  out = put_number(out, flow.tos);
  put_number(put_number(out, uint32_t{0}), uint32_t{0});  // systems, masks: unknown
  ++open_.count;
  ++open_.data_records;
  open_.flows = true;
  open_.told += told;
}

void V5Exporter::close_message() {
  if (open_.count == 0) return;
  open_.size = static_cast<uint32_t>(batch_.bytes.size() - message_at_);
  batch_.messages.push_back(open_);
  open_ = {};
}

void V5Exporter::release() {
  if (batch_.messages.empty()) return;
  clock_.tell(link_.session());
  link_.send(batch_);
}

void V5Exporter::flush(SteadyTime) {
  close_message();
  release();
}

void V5Exporter::finish() {
  close_message();
  release();
}

}  // namespace microcloud
