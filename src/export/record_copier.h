// The quick way to a data record: most records have the same columns as one before, so what RecordPlan::write() looks
// up column by column is copied in a few pieces out of the record's image.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "export/record_image.h"
#include "export/record_plan.h"

namespace microcloud {

/// Both it is made of outlive it. One thread's own.
class RecordCopier {
 public:
  RecordCopier(const RecordPlan& plan, const RecordImage& image);

  /// What decides which columns a record has: records of one key are of one layout.
  struct Key {
    uint64_t common = 0;
    uint64_t body = 0;
    uint64_t more = 0;  // the direction, which flags need two octets
    bool operator==(const Key&) const = default;
    uint64_t hash() const {
      constexpr uint64_t kOdd = 0x9e3779b97f4a7c15;
      return ((common * kOdd + body) * kOdd + more) * kOdd;
    }
  };
  /// Of the record that the image holds. None: it has a list, which only RecordPlan::write() can.
  std::optional<Key> look(Direction direction) const;

  /// How records with these columns are copied.
  struct Step {
    uint16_t from;  // in the image; of a text: its number
    uint16_t size;  // 0: a text; at most kPiece
  };
  struct Steps {
    std::vector<Step> list;
    size_t fixed_size = 0;
    uint64_t texts = 0;  // a bit each
  };
  Steps steps(const ColumnSet& columns, Direction direction) const;

  /// Octets of the record that was looked at, whose texts it reads.
  size_t size(const Steps& steps, const RecordRef& record) {
    return steps.fixed_size + (steps.texts == 0 ? 0 : texts_size(steps, record));
  }
  /// Then that record. `out` has room for kSlack octets more. False: a text was cut, as NetFlow v9 holds no longer
  /// ones.
  bool copy(const Steps& steps, char* out) const;
  static constexpr size_t kSlack = RecordImage::kSlack;
  static constexpr size_t kPiece = kSlack;  // octets that are copied at once, needed or not

 private:
  using Cell = RecordPlan::Cell;
  struct Text {
    const Field* field;
    Part part;
    uint16_t length;  // octets, or kVariableSize
  };
  /// What is looked at in records of one direction.
  struct Way {
    uint64_t common = 0;
    uint64_t body = 0;
    uint64_t common_lists = 0;
    uint64_t body_lists = 0;
    std::vector<RecordImage::Place> flags;  // those told in one octet where they fit
    bool usable = true;
  };
  void add(const Cell& cell, Way& way);
  uint32_t text_number(const Cell& cell) const;
  size_t texts_size(const Steps& steps, const RecordRef& record);

  const RecordPlan& plan_;
  const RecordImage& image_;
  std::array<Way, static_cast<size_t>(Direction::kCount)> ways_;
  std::vector<Text> texts_;
  std::vector<Value> values_;  // of the texts
  std::vector<Scratch> scratches_;
};

inline std::optional<RecordCopier::Key> RecordCopier::look(Direction direction) const {
  const Way& way = ways_[static_cast<size_t>(direction)];
  const uint64_t common = image_.present(Part::Common);
  const uint64_t body = image_.present(Part::Body);
  if (!way.usable || ((common & way.common_lists) | (body & way.body_lists)) != 0) return std::nullopt;
  Key key{common & way.common, body & way.body, static_cast<uint64_t>(direction)};
  for (size_t at = 0; at < way.flags.size(); ++at) {
    const RecordImage::Place& flags = way.flags[at];
    key.more |= uint64_t{image_.has(flags) && image_.bytes()[flags.at] != 0} << (2 + at);
  }
  return key;
}

}  // namespace microcloud
