#include "export/record_plan.h"

#include <algorithm>
#include <cctype>
#include <stdexcept>
#include <string>

#include "record/wire.h"

namespace microcloud {
namespace {

constexpr WireElement kBasicList{0, 291};
constexpr uint16_t kV9Text = 64;  // NetFlow v9 has no variable length
constexpr uint16_t kEnterpriseBit = 0x8000;

/// The element that tells of the other end, or the name itself.
std::string other_end(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 2> kPairs = {
      {{"source", "destination"}, {"Source", "Destination"}}};
  std::string text(name);
  for (const auto& [one, other] : kPairs) {
    if (const size_t at = text.find(other); at != std::string::npos) return text.replace(at, other.size(), one);
    if (const size_t at = text.find(one); at != std::string::npos) return text.replace(at, one.size(), other);
  }
  return text;
}

std::string reverse_name(std::string_view name) {
  std::string text = "reverse" + std::string(name);
  text[7] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[7])));
  return text;
}

Slot slot_of(const Field& field, const Numbering& numbering) {
  Slot slot{&field, *number(field, numbering), field.wire_size};
  const bool v9 = numbering.protocol == ExportProtocol::NetflowV9;
  if (field.type == DataType::BasicList) slot.element = kBasicList;
  if (v9 && slot.length == kVariableSize) slot.length = kV9Text;
  return slot;
}

char* put_element(char* out, const WireElement& element) {
  if (element.pen == 0) return put_number(out, element.id);
  return put_number(out, static_cast<uint16_t>(element.id | kEnterpriseBit));
}

/// One value by its kind. `room` octets at most; null: it does not fit.
char* put_value(char* out, const Value& value, uint16_t size, size_t room) {
  switch (value.kind) {
    case Value::Kind::Unsigned:
    case Value::Kind::Signed:
      if (size > room) return nullptr;
      for (unsigned at = size; at > 0; --at) *out++ = static_cast<char>(value.number >> 8 * (at - 1));
      return out;
    case Value::Kind::Float:
      return room < size ? nullptr : put_number(out, std::bit_cast<uint64_t>(value.real_number));
    case Value::Kind::Boolean:
      return room < 1 ? nullptr : put_number(out, static_cast<uint8_t>(value.number != 0 ? 1 : 2));
    default:
      return value.size > room ? nullptr : put_bytes(out, value.data, value.size);
  }
}

uint16_t item_size(const Field& field) {
  switch (field.item_type) {
    case DataType::Unsigned8:
    case DataType::Boolean:
      return 1;
    case DataType::Unsigned16:
      return 2;
    case DataType::Unsigned32:
    case DataType::Signed32:
    case DataType::Ipv4:
      return 4;
    case DataType::Unsigned64:
    case DataType::Float64:
    case DataType::Milliseconds:
      return 8;
    case DataType::MacAddress:
      return 6;
    case DataType::Ipv6:
      return 16;
    default:
      return kVariableSize;
  }
}

/// basicList (RFC 6313, 4.5.1), semantics "ordered"; items that do not fit into `longest` octets are left out.
char* put_list(char* out, const Field& field, const WireElement& item, const Value& value, size_t longest,
               bool& shortened) {
  constexpr uint8_t kOrdered = 4;
  const uint16_t size = item_size(field);
  char* const start = out + 3;  // the long form of the length, as the content is not known yet
  char* at = put_element(put_number(start, kOrdered), item);
  at = put_number(at, size);
  if (item.pen != 0) at = put_number(at, item.pen);
  Scratch scratch;
  for (size_t index = 0; index < value.size; ++index) {
    const Value one = value.item(value.data, index, scratch);
    const size_t used = static_cast<size_t>(at - start);
    char* begin = size == kVariableSize ? put_length(at, one.size) : at;
    const size_t taken = used + static_cast<size_t>(begin - at);
    char* end = taken > longest ? nullptr : put_value(begin, one, size, longest - taken);
    if (end == nullptr) {
      shortened = true;
      break;
    }
    at = end;
  }
  const auto length = static_cast<size_t>(at - start);
  put_number(put_number(out, uint8_t{255}), static_cast<uint16_t>(length));
  return at;
}

}  // namespace

RecordPlan::RecordPlan(const RecordType& type, const Template& columns, const Numbering& numbering)
    : type_(&type), every_column_(columns.fixed) {
  for (const Column& column : columns.columns) {
    Slot slot = slot_of(*column.field, numbering);
    two_directions_ |= column.field->element.pen == pen::kReverse;
    const bool flags = column.field->role == Role::Flags && slot.length == 2;
    add(column, slot, flags ? Twin::Wide : Twin::None, numbering);
    slot.length = 1;
    if (flags) add(column, slot, Twin::Narrow, numbering);
  }
  if (slots_.size() > ColumnSet::kMost)
    throw std::logic_error("record type " + std::string(type.name) + " has too many elements for a template");
}

void RecordPlan::add(const Column& column, const Slot& slot, Twin twin, const Numbering& numbering) {
  slots_.push_back(slot);
  if (slot.length == kVariableSize) {
    ++variable_;
  } else {
    fixed_size_ += slot.length;
  }
  for (size_t direction = 0; direction < cells_.size(); ++direction) {
    Cell made = cell(column, static_cast<Direction>(direction), slot, numbering);
    made.twin = twin;
    if (twin != Twin::None) made.write = nullptr;
    cells_[direction].push_back(made);
  }
}

RecordPlan::Cell RecordPlan::cell(const Column& column, Direction direction, const Slot& slot,
                                  const Numbering& numbering) const {
  const Field* field = column.field;
  Cell result{nullptr, field, column.part, slot.length, false, Twin::None, *number(*field, numbering)};
  if (field->element.pen == pen::kReverse) result.left_out = direction != Direction::Both;
  if (direction == Direction::Backward && column.part != Part::Derived) {
    if (const auto reverse = find_column(*type_, reverse_name(field->name))) {
      result.field = reverse->field;
    } else if (const auto other = find_column(*type_, other_end(field->name)); other && other->field != field) {
      result.field = other->field;
    } else if (field->role == Role::DeltaCounter) {
      result.left_out = true;  // of both directions: told once
    }
  }
  if (slot.length == result.field->wire_size) result.write = result.field->write;
  return result;
}

char* RecordPlan::write_slowly(const Cell& cell, const void* from, size_t longest, char* out, bool& shortened) const {
  Scratch scratch;
  const Value value = cell.field->read(from, scratch);
  if (value.kind == Value::Kind::Absent) return out;
  if (value.kind == Value::Kind::List) return put_list(out, *cell.field, cell.item, value, longest, shortened);
  if (cell.length != kVariableSize) {
    const size_t size = std::min<size_t>(value.size, cell.length);
    shortened |= size < value.size;
    std::memset(put_bytes(out, value.data, size), 0, cell.length - size);
    return out + cell.length;
  }
  const size_t size = std::min<size_t>(value.size, longest);
  shortened |= size < value.size;
  return put_bytes(put_length(out, size), value.data, size);
}

RecordPlan::Written RecordPlan::write(const RecordRef& record, const Derived& derived, Direction direction,
                                      size_t longest, bool every, char* out) const {
  const std::array<const void*, static_cast<size_t>(Part::kCount)> parts = {record.common, record.body, &derived};
  const std::vector<Cell>& cells = cells_[static_cast<size_t>(direction)];
  const bool fill = every || every_column_;
  Written written;
  char* at = out;
  for (size_t index = 0; index < cells.size(); ++index) {
    const Cell& cell = cells[index];
    if (cell.left_out) continue;
    const void* from = parts[static_cast<size_t>(cell.part)];
    if (cell.twin != Twin::None) {
      std::array<char, 2> flags{};
      const bool any = cell.field->write(from, flags.data()) != flags.data();
      if ((cell.twin == Twin::Wide) != (flags[0] != 0) || (!any && !fill)) continue;
      at = put_bytes(at, flags.data() + 2 - cell.length, cell.length);
      written.columns.add(index);
      continue;
    }
    char* end = cell.write != nullptr ? cell.write(from, at) : write_slowly(cell, from, longest, at, written.shortened);
    if (end == at) {
      if (!fill) continue;
      if (cell.length != kVariableSize) {
        std::memset(at, 0, cell.length);
        end = at + cell.length;
      } else if (cell.field->type == DataType::BasicList) {
        end = put_list(at, *cell.field, cell.item, {}, longest, written.shortened);
      } else {
        end = put_length(at, 0);
      }
    }
    at = end;
    written.columns.add(index);
  }
  written.size = static_cast<size_t>(at - out);
  return written;
}

}  // namespace microcloud
