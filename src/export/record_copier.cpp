#include "export/record_copier.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "record/wire.h"

namespace microcloud {
namespace {

constexpr size_t kMostTexts = 64;  // bits of one word

size_t text_size(size_t size, uint16_t length) {
  if (length != kVariableSize) return length;
  return size < 255 ? 1 + size : 3 + size;
}

}  // namespace

RecordCopier::RecordCopier(const RecordPlan& plan, const RecordImage& image) : plan_(plan), image_(image) {
  for (size_t direction = 0; direction < ways_.size(); ++direction) {
    for (const Cell& cell : plan.cells(static_cast<Direction>(direction))) {
      if (!cell.left_out) add(cell, ways_[direction]);
    }
  }
  values_.resize(texts_.size());
  scratches_.resize(texts_.size());
  for (Way& way : ways_) {
    constexpr size_t kMostFlags = 62;  // bits of one word too, with the direction
    way.usable &= texts_.size() <= kMostTexts && way.flags.size() <= kMostFlags;
    if (!plan.every_column()) continue;
    way.common = way.body = 0;                               // all are there, zero where there is no value
    way.usable &= (way.common_lists | way.body_lists) == 0;  // which an empty one is written for
  }
}

void RecordCopier::add(const Cell& cell, Way& way) {
  const Field& field = *cell.field;
  const uint64_t common = cell.part == Part::Common ? image_.bit(field, cell.part) : 0;
  const uint64_t body = cell.part == Part::Body ? image_.bit(field, cell.part) : 0;
  if (field.type == DataType::BasicList) {
    way.common_lists |= common;
    way.body_lists |= body;
    return;
  }
  if (cell.twin == RecordPlan::Twin::Narrow) {
    way.flags.push_back(*image_.place(field, cell.part));
    return;
  }
  way.common |= common;
  way.body |= body;
  if (field.write != nullptr) {
    way.usable &= cell.length == field.wire_size;
  } else if (text_number(cell) == texts_.size()) {
    texts_.push_back({&field, cell.part, cell.length});
  }
}

uint32_t RecordCopier::text_number(const Cell& cell) const {
  const auto found = std::find_if(texts_.begin(), texts_.end(), [&cell](const Text& text) {
    return text.field == cell.field && text.length == cell.length;
  });
  return static_cast<uint32_t>(found - texts_.begin());
}

RecordCopier::Steps RecordCopier::steps(const ColumnSet& columns, Direction direction) const {
  Steps steps;
  const std::vector<Cell>& cells = plan_.cells(direction);
  for (size_t at = 0; at < cells.size(); ++at) {
    if (!columns.has(at)) continue;
    const Cell& cell = cells[at];
    if (cell.field->write == nullptr) {
      const uint32_t number = text_number(cell);
      steps.list.push_back({static_cast<uint16_t>(number), 0});
      steps.texts |= uint64_t{1} << number;
      continue;
    }
    uint16_t from = image_.place(*cell.field, cell.part)->at;
    if (cell.twin == RecordPlan::Twin::Narrow) ++from;  // the lower octet
    steps.fixed_size += cell.length;
    Step* const last = steps.list.empty() || steps.list.back().size == 0 ? nullptr : &steps.list.back();
    if (last != nullptr && last->from + last->size == from && last->size + cell.length <= kPiece) {
      last->size = static_cast<uint16_t>(last->size + cell.length);
    } else {
      steps.list.push_back({from, cell.length});
    }
  }
  return steps;
}

size_t RecordCopier::texts_size(const Steps& steps, const RecordRef& record) {
  size_t size = 0;
  for (uint64_t rest = steps.texts; rest != 0; rest &= rest - 1) {
    const auto number = static_cast<size_t>(std::countr_zero(rest));
    const Text& text = texts_[number];
    const void* const from = text.part == Part::Common ? record.common : record.body;
    values_[number] = text.field->read(from, scratches_[number]);
    size += text_size(values_[number].size, text.length);
  }
  return size;
}

bool RecordCopier::copy(const Steps& steps, char* out) const {
  bool whole = true;
  for (const Step& step : steps.list) {
    if (step.size > 0) [[likely]] {
      std::memcpy(out, image_.bytes() + step.from, kPiece);  // what is too much is written over, or lies in the slack
      out += step.size;
      continue;
    }
    const Value& value = values_[step.from];
    const uint16_t length = texts_[step.from].length;
    const size_t size = std::min<size_t>(value.size, length);
    if (length == kVariableSize) out = put_length(out, size);
    if (size > 0) out = put_bytes(out, value.data, size);
    if (length == kVariableSize) continue;
    whole &= size == value.size;
    std::memset(out, 0, length - size);
    out += length - size;
  }
  return whole;
}

}  // namespace microcloud
