// What an exported record is made of: the columns of -T, or all that a record type has and the protocol can number.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "record/catalogue.h"
#include "record/record.h"

namespace microcloud {

enum class ExportProtocol : uint8_t { NetflowV5 = 5, NetflowV9 = 9, Ipfix = 10 };

/// How elements are numbered on the wire.
struct Numbering {
  ExportProtocol protocol = ExportProtocol::Ipfix;
  bool ntop = true;             // --elements ntop: PEN 35632 where ntop has the very element; else all under `pen`
  std::optional<uint32_t> pen;  // --pen: of own elements
  bool uniflow = false;         // one record a direction: no reverse elements
};

struct WireElement {
  uint32_t pen = 0;  // 0: IANA's registry, or NetFlow v9
  uint16_t id = 0;
  auto operator<=>(const WireElement&) const = default;
};

/// None where the element has no number there: own ones without --pen, own ones and lists in v9.
std::optional<WireElement> number(const Field& field, const Numbering& numbering);
/// Why it has none: a sentence without subject ("is a list, which NetFlow v9 does not have").
std::string why_not(const Field& field, const Numbering& numbering);

/// What exports tell of a flow beside its own rows; reckoned from them for each record that needs it.
struct Derived {
  uint32_t start_uptime_ms = 0;  // since the exporter's start as its headers tell it
  uint32_t end_uptime_ms = 0;
  uint32_t duration_ms = 0;
  uint8_t ip_version = 0;
  uint8_t biflow_direction = 1;  // 1: from the initiator, 2: its reverse
};
std::span<const Field> derived_fields();
uint64_t put_derived_fixed(const Derived& derived, char* out);

/// Where a column's value stands.
enum class Part : uint8_t { Common, Body, Derived, kCount };

struct Column {
  const Field* field;
  Part part;
};

struct Template {
  std::vector<Column> columns;
  /// As -T gave it: the same columns in every record, zero where a value is absent. Else a record has only the columns
  /// that it has values for, and as many layouts come to be as there are combinations.
  bool fixed = false;
};

/// A template that cannot be: one sentence that names what is wrong and what is accepted.
class TemplateError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

/// `text`: names separated by blanks or commas: NetFlow labels (%IPV4_SRC_ADDR, in capitals or not) and element names,
/// with or without %. Throws TemplateError. An address of one IP version stands for that of the other too.
Template parse_template(std::string_view text, const RecordType& type, RecordTypes all, const Numbering& numbering);

/// All columns of the type that have a number. What has none is added to `left_out` (names), unless it is null.
Template default_template(const RecordType& type, const Numbering& numbering, std::vector<std::string>* left_out);

/// The row of that name in the type or among those of every record.
std::optional<Column> find_column(const RecordType& type, std::string_view name);

}  // namespace microcloud
