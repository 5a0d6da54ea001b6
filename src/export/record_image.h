// The values of fixed size of one record, as they stand in data records, each at the place of its row.
#pragma once

#include <array>
#include <cstring>
#include <optional>
#include <vector>

#include "record/template.h"

namespace microcloud {

class RecordImage {
 public:
  explicit RecordImage(const RecordType& type);

  /// Of Common and the body. `clear`: what has no value is zero; else such places hold anything.
  void read(const RecordRef& record, bool clear);
  void read(const Derived& derived) { present_[2] = put_derived_fixed(derived, bytes_.data() + begin_[2]); }

  /// Where a row of fixed size stands.
  struct Place {
    uint16_t at;
    uint16_t size;
    Part part;
    uint64_t bit;
  };
  std::optional<Place> place(const Field& field, Part part) const;
  /// Of a row's in present(), of variable size too.
  uint64_t bit(const Field& field, Part part) const;

  bool has(const Place& place) const { return (present_[static_cast<size_t>(place.part)] & place.bit) != 0; }
  uint64_t present(Part part) const { return present_[static_cast<size_t>(part)]; }
  /// Where a number of at most eight octets stands, in the body.
  struct Number {
    uint64_t bit = 0;  // none: always 0
    uint16_t at = 0;
    uint16_t shift = 0;
  };
  Number number_at(const Field& field) const;
  /// 0 where there is none.
  uint64_t number(const Number& place) const {
    if ((present(Part::Body) & place.bit) == 0) return 0;
    uint64_t number;
    std::memcpy(&number, bytes_.data() + place.at, sizeof number);
    return __builtin_bswap64(number) >> place.shift;
  }
  /// Readable kSlack octets beyond any place.
  const char* bytes() const { return bytes_.data(); }
  static constexpr size_t kSlack = 32;

 private:
  static constexpr size_t kParts = static_cast<size_t>(Part::kCount);

  const RecordType* type_;
  std::array<size_t, kParts> begin_;
  std::array<uint64_t, kParts> present_{};
  std::vector<char> bytes_;
};

}  // namespace microcloud
