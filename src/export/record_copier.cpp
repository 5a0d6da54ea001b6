#include "export/record_copier.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "record/wire.h"

namespace microcloud {
namespace {

constexpr size_t kMostTexts = 40;  // with the flags and the direction they are bits of one word
constexpr size_t kBlock = 16;

/// Whole blocks: what they write too much is written over, or lies in the slack.
char* copy_blocks(char* out, const char* from, size_t size) {
  static_assert(RecordCopier::kSlack >= kBlock);
  for (size_t done = 0; done < size; done += kBlock) std::memcpy(out + done, from + done, kBlock);
  return out + size;
}

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
    constexpr size_t kMostFlags = 16;
    way.usable &= texts_.size() <= kMostTexts && way.flags.size() <= kMostFlags;
    if (!plan.every_column()) continue;
    way.common = way.body = 0;        // all are there, zero where there is no value
    way.usable &= way.lists.empty();  // which an empty one is written for
  }
}

void RecordCopier::add(const Cell& cell, Way& way) {
  const Field& field = *cell.field;
  if (field.type == DataType::BasicList) {
    way.lists.push_back({&field, cell.part, cell.length});
  } else if (field.write == nullptr) {
    if (text_number(cell) == texts_.size()) texts_.push_back({&field, cell.part, cell.length});
    way.texts.push_back(text_number(cell));
  } else if (cell.twin == RecordPlan::Twin::Narrow) {
    way.flags.push_back(*image_.place(field, cell.part));
  } else {
    if (cell.part == Part::Common) way.common |= image_.place(field, cell.part)->bit;
    if (cell.part == Part::Body) way.body |= image_.place(field, cell.part)->bit;
    way.usable &= cell.length == field.wire_size;
  }
}

uint32_t RecordCopier::text_number(const Cell& cell) const {
  const auto found = std::find_if(texts_.begin(), texts_.end(), [&cell](const Text& text) {
    return text.field == cell.field && text.length == cell.length;
  });
  return static_cast<uint32_t>(found - texts_.begin());
}

std::optional<RecordCopier::Key> RecordCopier::look(const RecordRef& record, const Derived& derived,
                                                    Direction direction) {
  const Way& way = ways_[static_cast<size_t>(direction)];
  if (!way.usable) return std::nullopt;
  const std::array<const void*, static_cast<size_t>(Part::kCount)> parts = {record.common, record.body, &derived};
  Scratch scratch;
  for (const Text& list : way.lists) {
    if (list.field->read(parts[static_cast<size_t>(list.part)], scratch).kind != Value::Kind::Absent)
      return std::nullopt;
  }
  Key key{image_.present(Part::Common) & way.common, image_.present(Part::Body) & way.body,
          static_cast<uint64_t>(direction)};
  for (size_t at = 0; at < way.flags.size(); ++at) {
    const RecordImage::Place& flags = way.flags[at];
    key.more |= uint64_t{image_.has(flags) && image_.bytes()[flags.at] != 0} << (2 + at);
  }
  for (const uint32_t number : way.texts) {
    const Text& text = texts_[number];
    values_[number] = text.field->read(parts[static_cast<size_t>(text.part)], scratches_[number]);
    key.more |= uint64_t{values_[number].kind != Value::Kind::Absent} << (63 - number);
  }
  return key;
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
    if (!steps.list.empty() && steps.list.back().size > 0 && steps.list.back().from + steps.list.back().size == from) {
      steps.list.back().size = static_cast<uint16_t>(steps.list.back().size + cell.length);
    } else {
      steps.list.push_back({from, cell.length});
    }
  }
  return steps;
}

size_t RecordCopier::size(const Steps& steps) const {
  size_t size = steps.fixed_size;
  for (uint64_t rest = steps.texts; rest != 0; rest &= rest - 1) {
    const auto number = static_cast<size_t>(std::countr_zero(rest));
    size += text_size(values_[number].size, texts_[number].length);
  }
  return size;
}

bool RecordCopier::copy(const Steps& steps, char* out) const {
  bool whole = true;
  for (const Step& step : steps.list) {
    if (step.size > 0) {
      out = copy_blocks(out, image_.bytes() + step.from, step.size);
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
