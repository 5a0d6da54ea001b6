#include "export/exporter.h"

#include <algorithm>
#include <array>

#include "base/wall_clock.h"
#include "export/template_exporter.h"
#include "export/v5_exporter.h"

namespace microcloud {
namespace {

constexpr int64_t kUptimeRoomMs = 3'600'000;  // flows that began before the first record that is told

}  // namespace

std::unique_ptr<Exporter> make_exporter(const ExportSettings& settings, Link& link) {
  link.session().protocol = settings.numbering.protocol;
  link.session().domain = settings.domain;
  if (settings.numbering.protocol == ExportProtocol::NetflowV5) return std::make_unique<V5Exporter>(settings, link);
  return std::make_unique<TemplateExporter>(settings, link);
}

void Exporter::foresee(const RecordRef& record) {
  const FlowNumbers view(*record.type);
  clock_.note(view.start_ms(record), view.end_ms(record));
}

FlowNumbers::FlowNumbers(const RecordType& type)
    : packets_(find_column(type, "packetDeltaCount")),
      octets_(find_column(type, "octetDeltaCount")),
      reverse_packets_(find_column(type, "reversePacketDeltaCount")),
      reverse_octets_(find_column(type, "reverseOctetDeltaCount")),
      start_(find_column(type, "flowStartMilliseconds")),
      end_(find_column(type, "flowEndMilliseconds")) {
  if (!start_) start_ = find_column(type, "observationTimeMilliseconds");
  if (!end_) end_ = start_;
}

uint64_t FlowNumbers::number(const RecordRef& record, const std::optional<Column>& column) {
  if (!column) return 0;
  const void* from = column->part == Part::Common ? static_cast<const void*>(record.common) : record.body;
  // By the writer, as it is the shorter way: the number stands big-endian.
  std::array<char, 8> bytes{};
  const char* end = column->field->write(from, bytes.data());
  uint64_t number = 0;
  std::memcpy(&number, bytes.data(), sizeof number);
  const auto size = static_cast<unsigned>(end - bytes.data());
  return size == 0 ? 0 : __builtin_bswap64(number) >> (64 - 8 * size);
}

Told FlowNumbers::told(const RecordRef& record) const {
  return {1, number(record, packets_) + number(record, reverse_packets_),
          number(record, octets_) + number(record, reverse_octets_)};
}

void ExportClock::restart(int64_t start_ms, int64_t end_ms) {
  begun_ = true;
  boot_ms_ = std::max<int64_t>(0, start_ms - kUptimeRoomMs) / 1000 * 1000;
  if (end_ms - boot_ms_ > kUptimeMostMs) boot_ms_ = (end_ms - kUptimeMostMs + 999) / 1000 * 1000;
  now_ms_ = end_ms;
}

void ExportClock::tell(Session& session) {
  // Live, a record's time can be ahead of the wall's by a clock that was set back: its uptime must not be.
  if (!begun_) restart(wall_ms(), wall_ms());
  if (live_) now_ms_ = std::max(wall_ms(), boot_ms_);
  // Of old records NetFlow's headers tell an older time, as collectors reckon the flows' times from it.
  if (session.protocol != ExportProtocol::Ipfix) now_ms_ = std::min(now_ms_, boot_ms_ + kUptimeMostMs);
  session.now_ms = now_ms_;
  session.boot_ms = boot_ms_;
}

}  // namespace microcloud
