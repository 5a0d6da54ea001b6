// From a record to the bytes of one data record (RFC 7011, 3.4.3; RFC 3954, 5.3; RFC 6313 for lists).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "record/template.h"

namespace microcloud {

/// Which columns of a plan stand in a record.
struct ColumnSet {
  std::array<uint64_t, 2> words{};
  static constexpr size_t kMost = 128;
  void add(size_t at) { words[at / 64] |= uint64_t{1} << at % 64; }
  bool has(size_t at) const { return (words[at / 64] >> at % 64 & 1) != 0; }
  bool operator==(const ColumnSet&) const = default;
};

/// Both directions in one record; or one: the initiator's, or the responder's with the two ends swapped.
enum class Direction : uint8_t { Both, Forward, Backward, kCount };

/// A column as a template tells it.
struct Slot {
  const Field* field;
  WireElement element;  // of a list: basicList
  uint16_t length;      // octets, or kVariableSize
};

/// All columns that records of one type may have, and how to write them.
class RecordPlan {
 public:
  RecordPlan(const RecordType& type, const Template& columns, const Numbering& numbering);

  struct Written {
    size_t size = 0;
    bool shortened = false;  // a text or list was cut to `longest`
    ColumnSet columns;
  };
  /// Text and lists take `longest` octets at most. `out` has room for largest(longest). `every`: columns without a
  /// value are zero instead of left out.
  Written write(const RecordRef& record, const Derived& derived, Direction direction, size_t longest, bool every,
                char* out) const;
  size_t largest(size_t longest) const { return fixed_size_ + variable_ * (longest + 3); }

  /// TCP flags stand twice in a plan: in one octet, as most collectors read them, and in two where the bits need them.
  enum class Twin : uint8_t { None, Narrow, Wide };
  /// How a column is written in one direction.
  struct Cell {
    Field::Writer write;  // null: by way of a Value
    const Field* field;
    Part part;
    uint16_t length;
    bool left_out;  // of this direction
    Twin twin;
    WireElement item;
  };
  /// One a slot.
  const std::vector<Cell>& cells(Direction direction) const { return cells_[static_cast<size_t>(direction)]; }

  const RecordType& type() const { return *type_; }
  const std::vector<Slot>& slots() const { return slots_; }
  bool every_column() const { return every_column_; }
  bool two_directions() const { return two_directions_; }

 private:
  void add(const Column& column, const Slot& slot, Twin twin, const Numbering& numbering);
  Cell cell(const Column& column, Direction direction, const Slot& slot, const Numbering& numbering) const;
  char* write_slowly(const Cell& cell, const void* from, size_t longest, char* out, bool& shortened) const;

  const RecordType* type_;
  bool every_column_;
  bool two_directions_ = false;
  size_t fixed_size_ = 0;
  size_t variable_ = 0;
  std::vector<Slot> slots_;
  std::array<std::vector<Cell>, static_cast<size_t>(Direction::kCount)> cells_;
};

}  // namespace microcloud
