#include "cloud/batch_reader.h"

#include <array>
#include <charconv>
#include <span>

#include "cloud/scripts.h"

namespace microcloud {
namespace {

/// Our own text: it is well formed.
class Words {
 public:
  explicit Words(std::string_view text) : text_(text) {}

  /// The next command, up to as many words as there is room for.
  bool next(std::array<std::string_view, 6>& words, size_t& count) {
    if (text_.empty()) return false;
    const size_t size = number('*');
    count = 0;
    for (size_t at = 0; at < size; ++at) {
      const size_t length = number('$');
      if (count < words.size()) words[count++] = text_.substr(0, length);
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
  if (words[2] == "lastSeen") {
    into.at(words[1]).latest(words[2], number_of(words[3]));
  } else {
    into.at(words[1]).set(words[2], words[3]);
  }
}

}  // namespace

void add_batch(std::string_view commands, const std::function<bool(std::string_view key)>& wanted, MergeBuffer& into) {
  Words reader(commands);
  std::array<std::string_view, 6> words;
  size_t count = 0;
  while (reader.next(words, count)) {
    if (count == 6 && words[0] == "EVAL") {
      if (words[1] == kEarliestScript && wanted(words[3])) into.at(words[3]).earliest(words[4], number_of(words[5]));
    } else if (count == 4 && wanted(words[1])) {
      add(std::span(words).first(count), into);
    }
  }
}

void add_unit(const KeyUnit& unit, MergeBuffer& into) {
  KeyUpdate& update = into.at(unit.key);
  for (const auto& [field, value, op] : unit.numbers) {
    switch (op) {
      case KeyUpdate::Op::Add:
        update.add(field, static_cast<uint64_t>(value));
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
  for (const auto& [member, amount] : unit.members) update.add_member(member, static_cast<uint64_t>(amount));
}

}  // namespace microcloud
