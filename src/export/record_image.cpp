#include "export/record_image.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace microcloud {
namespace {

std::span<const Field> rows(const RecordType& type, Part part) {
  return part == Part::Common ? common_fields() : part == Part::Body ? type.fields : derived_fields();
}

/// What RecordType::put_fixed does, row by row.
uint64_t put_each(std::span<const Field> fields, const void* from, char* out) {
  uint64_t present = 0;
  for (size_t at = 0; at < fields.size(); ++at) {
    if (fields[at].write == nullptr) {
      present |= uint64_t{fields[at].has(from)} << at;
      continue;
    }
    present |= uint64_t{fields[at].write(from, out) != out} << at;
    out += fields[at].wire_size;
  }
  return present;
}

}  // namespace

RecordImage::RecordImage(const RecordType& type) : type_(&type) {
  constexpr size_t kMostRows = 64;
  size_t size = 0;
  for (size_t part = 0; part < kParts; ++part) {
    const std::span<const Field> fields = rows(type, static_cast<Part>(part));
    if (fields.size() > kMostRows) throw std::logic_error("too many elements: " + std::string(type.name));
    begin_[part] = size;
    size += fixed_size(fields);
  }
  bytes_.resize(size + kSlack);
}

void RecordImage::read(const RecordRef& record, bool clear) {
  if (clear) std::fill(bytes_.begin(), bytes_.end(), '\0');
  present_[0] = put_common_fixed(*record.common, bytes_.data());
  char* const body = bytes_.data() + begin_[1];
  present_[1] =
      type_->put_fixed != nullptr ? type_->put_fixed(record.body, body) : put_each(type_->fields, record.body, body);
}

std::optional<RecordImage::Place> RecordImage::place(const Field& field, Part part) const {
  const std::span<const Field> fields = rows(*type_, part);
  const auto at = static_cast<size_t>(&field - fields.data());
  if (field.write == nullptr) return std::nullopt;
  return Place{static_cast<uint16_t>(begin_[static_cast<size_t>(part)] + fixed_place(fields, at)), field.wire_size,
               part, bit(field, part)};
}

RecordImage::Number RecordImage::number_at(const Field& field) const {
  const Place at = place(field, Part::Body).value();
  return {at.bit, at.at, static_cast<uint16_t>(64 - 8 * at.size)};
}

uint64_t RecordImage::bit(const Field& field, Part part) const {
  return uint64_t{1} << (&field - rows(*type_, part).data());
}

}  // namespace microcloud
