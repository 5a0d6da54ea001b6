// A list of texts in one piece of memory: as many as fit, each as long as it is.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "record/value.h"

namespace microcloud {

/// At most `Count` texts, together at most `Octets` bytes. Trivially copyable, so that it can stand in a record.
template <size_t Octets, size_t Count>
class TextList {
  static_assert(Octets < 65536 && Count < 256);

 public:
  /// False, and nothing kept, when there is no room for the whole text.
  bool push(std::string_view text) {
    if (count_ == Count || text.size() > Octets - used()) return false;
    const size_t from = used();
    text.copy(bytes_.data() + from, text.size());
    ends_[count_++] = static_cast<uint16_t>(from + text.size());
    return true;
  }
  size_t size() const { return count_; }
  std::string_view operator[](size_t at) const {
    const size_t from = at == 0 ? 0 : ends_[at - 1];
    return {bytes_.data() + from, ends_[at] - from};
  }

  /// In the order of their bytes, each once.
  void sort_unique() {
    if (count_ < 2) return;
    std::array<std::string_view, Count> texts;
    for (size_t at = 0; at < count_; ++at) texts[at] = (*this)[at];
    std::sort(texts.begin(), texts.begin() + count_);
    const auto end = std::unique(texts.begin(), texts.begin() + count_);
    TextList sorted;
    for (auto text = texts.begin(); text != end; ++text) sorted.push(*text);
    *this = sorted;
  }

 private:
  size_t used() const { return count_ == 0 ? 0 : ends_[count_ - 1]; }

  uint8_t count_ = 0;
  std::array<uint16_t, Count> ends_{};
  std::array<char, Octets> bytes_;
};

template <size_t Octets, size_t Count>
struct ValueOf<TextList<Octets, Count>> {
  using From = TextList<Octets, Count>;
  static constexpr DataType kType = DataType::BasicList;
  static constexpr DataType kItemType = DataType::String;
  static Value read(const From& from, Scratch&) {
    if (from.size() == 0) return {};
    Value value = Value::of(Value::Kind::List, &from, from.size());
    value.item = [](const void* list, size_t at, Scratch& scratch) {
      return ValueOf<std::string_view>::read((*static_cast<const From*>(list))[at], scratch);
    };
    return value;
  }
};

}  // namespace microcloud
