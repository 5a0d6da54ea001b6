#include "cloud/batch_reader.h"

#include <charconv>
#include <span>
#include <vector>

#include "cloud/scripts.h"

namespace microcloud {
namespace {

/// Our own text: it is well formed.
class Words {
 public:
  explicit Words(std::string_view text) : text_(text) {}

  /// The next command.
  bool next(std::vector<std::string_view>& words) {
    words.clear();
    if (text_.empty()) return false;
    for (size_t left = number('*'); left > 0; --left) {
      const size_t length = number('$');
      words.push_back(text_.substr(0, length));
      text_.remove_prefix(std::min(text_.size(), length + 2));
    }
    return true;
  }

 private:
  size_t number(char kind) {
    size_t value = 0;
    if (text_.empty() || text_.front() != kind) return text_ = {}, 0;
    const char* end = std::from_chars(text_.data() + 1, text_.data() + text_.size(), value).ptr;
    text_.remove_prefix(std::min(text_.size(), static_cast<size_t>(end - text_.data()) + 2));
    return value;
  }

  std::string_view text_;
};

int64_t number_of(std::string_view text) {
  int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

void add(std::span<const std::string_view> words, MergeBuffer& into) {
  const std::string_view name = words[0];
  if (name == "HINCRBY") into.at(words[1]).add(words[2], static_cast<uint64_t>(number_of(words[3])));
  if (name == "HSETNX") into.at(words[1]).if_absent(words[2], number_of(words[3]));
  if (name == "ZINCRBY") into.at(words[1]).add_member(words[3], static_cast<uint64_t>(number_of(words[2])));
  if (name != "HSET") return;
  KeyUpdate& update = into.at(words[1]);
  for (size_t at = 2; at + 1 < words.size(); at += 2) {
    if (words[at] == "lastSeen") {
      update.latest(words[at], number_of(words[at + 1]));
    } else {
      update.set(words[at], words[at + 1]);
    }
  }
}

}  // namespace

void add_batch(std::string_view commands, const std::function<bool(std::string_view key)>& wanted, MergeBuffer& into) {
  Words reader(commands);
  std::vector<std::string_view> words;
  while (reader.next(words)) {
    if (words[0] == "EVAL") {
      if (words[1] == kTimesScript && wanted(words[3])) {
        into.at(words[3]).earliest(kFirstSeenField, number_of(words[5]));
        into.at(words[3]).latest(kLastSeenField, number_of(words[6]));
      }
      if (words[1] == kEarliestScript && wanted(words[3])) into.at(words[3]).earliest(words[4], number_of(words[5]));
    } else if (words.size() >= 4 && wanted(words[1])) {
      add(words, into);
    }
  }
}

void add_unit(const KeyUnit& unit, MergeBuffer& into) {
  KeyUpdate& update = into.at(unit.key);
  for (const auto& [field, value, op, increments] : unit.numbers) {
    switch (op) {
      case KeyUpdate::Op::Add:
        update.add(field, static_cast<uint64_t>(value), increments);
        break;
      case KeyUpdate::Op::Latest:
        update.latest(field, value);
        break;
      case KeyUpdate::Op::IfAbsent:
        update.if_absent(field, value);
        break;
      case KeyUpdate::Op::Earliest:
        update.earliest(field, value);
        break;
    }
  }
  for (const auto& [field, value] : unit.texts) update.set(field, value);
  for (const auto& [member, sum] : unit.members)
    update.add_member(member, static_cast<uint64_t>(sum.amount), sum.increments);
}

}  // namespace microcloud
