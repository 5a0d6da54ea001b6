// The values of fixed size of a struct, written all at once, each at its own place: the compiler makes one straight
// piece of code of a table of rows, where a loop over the rows would call a function a value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "record/field.h"

namespace microcloud {

/// Octets that the rows before `at` take: those of fixed size.
constexpr size_t fixed_place(std::span<const Field> fields, size_t at) {
  size_t place = 0;
  for (const Field& field : fields.first(at)) place += field.write == nullptr ? 0 : field.wire_size;
  return place;
}
constexpr size_t fixed_size(std::span<const Field> fields) {
  return fixed_place(fields, fields.size());
}

/// Writes at `out` what fixed_size() says; a bit for each row that has a value, of variable size too. Places of others
/// keep what was there.
using FixedWriter = uint64_t (*)(const void* from, char* out);

namespace detail {

template <Field::Writer Write, Field::Presence Has, size_t Place>
static inline uint64_t put_one(const void* from, char* out) {
  if constexpr (Write == nullptr) {
    return Has(from) ? 1 : 0;
  } else {
    return Write(from, out + Place) != out + Place ? 1 : 0;
  }
}

template <const auto& Fields, size_t... At>
static uint64_t put_fixed(const void* from, char* out, std::index_sequence<At...>) {
  return (uint64_t{0} | ... | (put_one<Fields[At].write, Fields[At].has, fixed_place(Fields, At)>(from, out) << At));
}

template <const auto& Fields>
static uint64_t put_fixed(const void* from, char* out) {
  return put_fixed<Fields>(from, out, std::make_index_sequence<std::size(Fields)>());
}

}  // namespace detail

template <const auto& Fields>
static constexpr FixedWriter fixed_writer() {
  static_assert(std::size(Fields) <= 64, "a bit a row");
  return &detail::put_fixed<Fields>;
}

}  // namespace microcloud
