#include "record/template.h"

#include <algorithm>
#include <cctype>

#include "record/names.h"

namespace microcloud {
namespace {

// --elements own: ntop's number n is own element 1024 + n; own elements of the rows stand below.
constexpr uint16_t kOwnOfNtop = 1024;

constexpr std::string_view kFirstSwitched = "flowStartSysUpTime";
constexpr std::string_view kLastSwitched = "flowEndSysUpTime";
constexpr std::string_view kStart = "flowStartMilliseconds";
constexpr std::string_view kEnd = "flowEndMilliseconds";
constexpr std::string_view kDirection = "biflowDirection";

bool is_v9(const Numbering& numbering) {
  return numbering.protocol == ExportProtocol::NetflowV9;
}

bool is_flow(const RecordType& type) {
  return std::any_of(type.fields.begin(), type.fields.end(), [](const Field& row) { return row.name == kStart; });
}

/// All columns that a template of the type may name.
std::vector<Column> columns_of(const RecordType& type) {
  std::vector<Column> columns;
  for (const Field& row : common_fields()) columns.push_back({&row, Part::Common});
  for (const Field& row : type.fields) columns.push_back({&row, Part::Body});
  if (!is_flow(type)) return columns;
  for (const Field& row : derived_fields()) columns.push_back({&row, Part::Derived});
  return columns;
}

bool names(const Field& row, std::string_view word) {
  return row.name == word || (!row.element.label.empty() && same_word(row.element.label, word));
}

std::string written(const Field& row) {
  return row.element.label.empty() ? std::string(row.name) : "%" + std::string(row.element.label);
}

const Column* find(const std::vector<Column>& columns, std::string_view word) {
  const auto found =
      std::find_if(columns.begin(), columns.end(), [word](const Column& column) { return names(*column.field, word); });
  return found == columns.end() ? nullptr : &*found;
}

[[noreturn]] void refuse_unknown(std::string_view word, std::string_view name, const RecordType& type, RecordTypes all,
                                 const std::vector<Column>& columns) {
  const std::string start = "'" + std::string(word) + "' ";
  for (const RecordType* other : all) {
    for (const Field& row : other->fields) {
      if (other != &type && names(row, name)) {
        throw TemplateError(start + "is an element of " + std::string(other->name) + " records, not of " +
                            std::string(type.name) + " records: -T '" + std::string(other->name) + ": ...' is theirs");
      }
    }
  }
  std::vector<std::string> known;
  for (const Column& column : columns) {
    known.emplace_back(column.field->name);
    if (!column.field->element.label.empty()) known.emplace_back(column.field->element.label);
  }
  std::string list;
  for (const std::string& near : nearest_names(word, known, 3)) list += (list.empty() ? "" : ", ") + near;
  throw TemplateError(start + "is no element of " + std::string(type.name) + " records; the nearest are " + list +
                      " ('microcloud fields' lists all)");
}

/// IPFIX has no header to which a time since the start could refer: the same instant is told since 1970.
const Column* without_uptime(const std::vector<Column>& columns, const Column* column, const Numbering& numbering) {
  if (numbering.protocol != ExportProtocol::Ipfix) return column;
  if (column->field->name == kFirstSwitched) return find(columns, kStart);
  if (column->field->name == kLastSwitched) return find(columns, kEnd);
  return column;
}

/// sourceIPv4Address for sourceIPv6Address and the like.
std::string other_version(std::string_view name) {
  std::string other(name);
  if (const size_t at = other.find("IPv4Address"); at != std::string::npos) {
    other[at + 3] = '6';
  } else if (const size_t at6 = other.find("IPv6Address"); at6 != std::string::npos) {
    other[at6 + 3] = '4';
  } else {
    return {};
  }
  return other;
}

void add_other_versions(Template& result, const std::vector<Column>& columns) {
  const size_t count = result.columns.size();
  for (size_t at = 0; at < count; ++at) {
    const std::string name = other_version(result.columns[at].field->name);
    if (!name.empty() && find(result.columns, name) == nullptr) {
      if (const Column* other = find(columns, name); other != nullptr) result.columns.push_back(*other);
    }
  }
}

std::vector<std::string_view> words_of(std::string_view text) {
  constexpr std::string_view kBetween = " \t\r\n,";
  std::vector<std::string_view> words;
  for (size_t at = text.find_first_not_of(kBetween); at != std::string_view::npos;
       at = text.find_first_not_of(kBetween, at)) {
    const size_t end = std::min(text.find_first_of(kBetween, at), text.size());
    words.push_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

}  // namespace

std::optional<WireElement> number(const Field& field, const Numbering& numbering) {
  const Element& element = field.element;
  if (numbering.uniflow && element.pen == pen::kReverse) return std::nullopt;
  if (is_v9(numbering)) {
    if (element.v9 == 0 || field.type == DataType::BasicList) return std::nullopt;
    return WireElement{0, element.v9};
  }
  switch (element.pen) {
    case pen::kNtop:
      if (numbering.ntop) return WireElement{pen::kNtop, element.id};
      if (!numbering.pen) return std::nullopt;
      return WireElement{*numbering.pen, static_cast<uint16_t>(kOwnOfNtop + element.id)};
    case pen::kOwn:
      if (!numbering.pen) return std::nullopt;
      return WireElement{*numbering.pen, element.id};
    default:
      return WireElement{element.pen, element.id};
  }
}

std::string why_not(const Field& field, const Numbering& numbering) {
  if (numbering.uniflow && field.element.pen == pen::kReverse)
    return "tells of the other direction, which is a record of its own (--uniflow)";
  if (is_v9(numbering)) {
    return field.type == DataType::BasicList ? "is a list, which NetFlow v9 does not have: -V 10 does"
                                             : "has no NetFlow v9 number: export IPFIX (-V 10) with --pen N";
  }
  return "has a number only under an enterprise of your own: give it with --pen N";
}

Template parse_template(std::string_view text, const RecordType& type, RecordTypes all, const Numbering& numbering) {
  const std::vector<Column> columns = columns_of(type);
  Template result;
  result.fixed = true;
  for (std::string_view word : words_of(text)) {
    const std::string_view name = word.substr(word.starts_with('%') ? 1 : 0);
    const Column* column = find(columns, name);
    if (column == nullptr) refuse_unknown(word, name, type, all, columns);
    if (!number(*column->field, numbering))
      throw TemplateError("'" + std::string(word) + "' " + why_not(*column->field, numbering));
    column = without_uptime(columns, column, numbering);
    if (find(result.columns, column->field->name) != nullptr)
      throw TemplateError("'" + std::string(word) + "' stands for " + std::string(column->field->name) +
                          ", which the template has already");
    result.columns.push_back(*column);
  }
  if (result.columns.empty())
    throw TemplateError("a template without elements; such as '" + written(common_fields().front()) +
                        " %octetDeltaCount' is accepted");
  add_other_versions(result, columns);
  return result;
}

Template default_template(const RecordType& type, const Numbering& numbering, std::vector<std::string>* left_out) {
  const bool flow = is_flow(type);
  Template result;
  for (const Column& column : columns_of(type)) {
    const std::string_view name = column.field->name;
    // NetFlow v9 collectors know times since the exporter's start, IPFIX ones those since 1970.
    if (flow && is_v9(numbering) && (name == kStart || name == kEnd)) continue;
    if (column.part == Part::Derived) {
      const bool wanted = is_v9(numbering) ? name == kFirstSwitched || name == kLastSwitched : name == kDirection;
      if (wanted) result.columns.push_back(column);
      continue;
    }
    if (number(*column.field, numbering)) {
      result.columns.push_back(column);
    } else if (left_out != nullptr && column.field->element.pen != pen::kReverse) {
      left_out->emplace_back(name);
    }
  }
  return result;
}

std::optional<Column> find_column(const RecordType& type, std::string_view name) {
  for (const Field& row : common_fields()) {
    if (row.name == name) return Column{&row, Part::Common};
  }
  for (const Field& row : type.fields) {
    if (row.name == name) return Column{&row, Part::Body};
  }
  return std::nullopt;
}

}  // namespace microcloud
