#include "export/options.h"

#include <algorithm>

namespace microcloud {
namespace {

struct OptionColumn {
  uint16_t id;
  uint16_t length;
};

/// An options template: the first `scopes` columns are its scope.
void add_template(SetWriter& sets, ExportProtocol protocol, uint16_t id, uint16_t scopes,
                  std::span<const OptionColumn> columns) {
  RecordBytes bytes;
  bytes.add(id);
  if (protocol == ExportProtocol::NetflowV9) {  // lengths in octets
    bytes.add(static_cast<uint16_t>(4 * scopes)).add(static_cast<uint16_t>(4 * (columns.size() - scopes)));
  } else {
    bytes.add(static_cast<uint16_t>(columns.size())).add(scopes);
  }
  for (const OptionColumn& column : columns) bytes.add(column.id).add(column.length);
  sets.add(SetKind::OptionsTemplates, 0, bytes.bytes());
}

constexpr uint16_t kSystemScope = 1;  // NetFlow v9
constexpr uint16_t kObservationDomain = 149;
constexpr uint16_t kSamplingInterval = 34, kSamplingAlgorithm = 35;
constexpr uint8_t kRandomSampling = 2;       // samplingAlgorithm
constexpr uint16_t kRandomOneOutOfMany = 3;  // selectorAlgorithm (304): random n out of N

/// The interval twice, as nfcapd 1.7.1 wants it without the algorithm, and later ones with it.
void append_sampling(SetWriter& sets, const ExportSettings& settings, uint16_t scope, bool define) {
  const ExportProtocol protocol = settings.numbering.protocol;
  const OptionColumn columns[] = {{scope, 4}, {kSamplingInterval, 4}, {kSamplingAlgorithm, 1}};
  if (define) add_template(sets, protocol, kSamplingTemplate, 1, columns);
  RecordBytes sampling;
  sampling.add(settings.domain).add(settings.sampling).add(kRandomSampling);
  sets.add(SetKind::Data, kSamplingTemplate, sampling.bytes());
  if (define) add_template(sets, protocol, kIntervalTemplate, 1, std::span(columns).first(2));
  RecordBytes interval;
  interval.add(settings.domain).add(settings.sampling);
  sets.add(SetKind::Data, kIntervalTemplate, interval.bytes());
}

void append_v9_options(SetWriter& sets, const ExportSettings& settings, const ExportCounters& counters, bool define) {
  constexpr auto kV9 = ExportProtocol::NetflowV9;
  static constexpr OptionColumn kStatistics[] = {{kSystemScope, 4}, {40, 8}, {41, 8}, {42, 8}};
  if (define) add_template(sets, kV9, kStatisticsTemplate, 1, kStatistics);
  RecordBytes statistics;
  statistics.add(settings.domain)
      .add(counters.octets.get())
      .add(counters.messages.get())
      .add(counters.data_records.get());
  sets.add(SetKind::Data, kStatisticsTemplate, statistics.bytes());
  if (settings.sampling > 1) append_sampling(sets, settings, kSystemScope, define);
}

void append_ipfix_statistics(SetWriter& sets, const ExportSettings& settings, const ExportCounters& counters,
                             bool define) {
  static constexpr OptionColumn kColumns[] = {
      {kObservationDomain, 4}, {40, 8}, {41, 8}, {42, 8}, {164, 8}, {166, 8}, {167, 8}, {168, 8}};
  if (define) add_template(sets, ExportProtocol::Ipfix, kStatisticsTemplate, 1, kColumns);
  RecordBytes record;
  record.add(settings.domain).add(counters.octets.get()).add(counters.messages.get()).add(counters.data_records.get());
  record.add(settings.ignored_packets ? settings.ignored_packets() : uint64_t{0});
  record.add(counters.lost.sum()).add(counters.lost_packets.get()).add(counters.lost_octets.get());
  sets.add(SetKind::Data, kStatisticsTemplate, record.bytes());
}

void append_ipfix_sampling(SetWriter& sets, const ExportSettings& settings, bool define) {
  append_sampling(sets, settings, kObservationDomain, define);
  // And as PSAMP tells it (RFC 5477).
  static constexpr OptionColumn kSelector[] = {{302, 8}, {304, 2}, {309, 4}, {310, 4}};
  if (define) add_template(sets, ExportProtocol::Ipfix, kSelectorTemplate, 1, kSelector);
  RecordBytes selector;
  selector.add(uint64_t{1}).add(kRandomOneOutOfMany).add(uint32_t{1}).add(settings.sampling);
  sets.add(SetKind::Data, kSelectorTemplate, selector.bytes());
}

/// informationElementDataType (RFC 5610, 3.1); of a list's element: its items'.
uint8_t data_type(DataType type) {
  switch (type) {
    case DataType::OctetArray:
      return 0;
    case DataType::Unsigned8:
      return 1;
    case DataType::Unsigned16:
      return 2;
    case DataType::Unsigned32:
      return 3;
    case DataType::Unsigned64:
      return 4;
    case DataType::Signed32:
      return 7;
    case DataType::Float64:
      return 10;
    case DataType::Boolean:
      return 11;
    case DataType::MacAddress:
      return 12;
    case DataType::String:
      return 13;
    case DataType::Milliseconds:
      return 15;
    case DataType::Ipv4:
      return 18;
    case DataType::Ipv6:
      return 19;
    case DataType::BasicList:
      break;
  }
  return 20;
}

/// informationElementSemantics; a list's items have none.
uint8_t semantics(Role role) {
  switch (role) {
    case Role::Quantity:
      return 1;
    case Role::DeltaCounter:
      return 3;
    case Role::Identifier:
      return 4;
    case Role::Flags:
      return 5;
    case Role::Default:
    case Role::List:
      break;
  }
  return 0;
}

uint16_t units(Unit unit) {
  switch (unit) {
    case Unit::Octets:
      return 2;
    case Unit::Packets:
      return 3;
    case Unit::Seconds:
      return 5;
    case Unit::Milliseconds:
      return 6;
    case Unit::Microseconds:
      return 7;
    case Unit::None:
      break;
  }
  return 0;
}

}  // namespace

void append_options(SetWriter& sets, const ExportSettings& settings, const ExportCounters& counters, bool define) {
  if (settings.numbering.protocol == ExportProtocol::NetflowV9) {
    append_v9_options(sets, settings, counters, define);
    return;
  }
  append_ipfix_statistics(sets, settings, counters, define);
  if (settings.sampling > 1) append_ipfix_sampling(sets, settings, define);
}

void append_types(SetWriter& sets, const ExportSettings& settings) {
  std::vector<WireElement> told;
  const auto tell = [&](const Field& field) {
    const auto element = number(field, settings.numbering);
    if (!element || element->pen == pen::kIana || element->pen == pen::kReverse) return;
    if (std::find(told.begin(), told.end(), *element) != told.end()) return;
    if (told.empty()) {
      // With a range, of which 0 to 0 says that there is none: libfixbuf takes no other.
      static constexpr OptionColumn kColumns[] = {{346, 4},
                                                  {303, 2},
                                                  {339, 1},
                                                  {344, 1},
                                                  {345, 2},
                                                  {342, 8},
                                                  {343, 8},
                                                  {341, kVariableSize},
                                                  {340, kVariableSize}};
      add_template(sets, ExportProtocol::Ipfix, kTypesTemplate, 2, kColumns);
    }
    told.push_back(*element);
    RecordBytes record;
    record.add(element->pen).add(element->id).add(data_type(field.item_type));
    record.add(semantics(field.role)).add(units(field.unit)).add(uint64_t{0}).add(uint64_t{0});
    record.add_text(field.name).add_text(field.meaning);
    sets.add(SetKind::Data, kTypesTemplate, record.bytes());
  };
  for (const Field& field : common_fields()) tell(field);
  for (const RecordType* type : settings.types) {
    for (const Field& field : type->fields) tell(field);
  }
}

}  // namespace microcloud
