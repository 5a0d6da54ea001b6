// What is known of owners for a while: key of the MicroCloud to user, bounded, each entry with a deadline of its own.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "cloud/merge_buffer.h"

namespace microcloud {

/// One thread. An answer is kept only while its question is still marked: what was invalidated meanwhile is asked anew.
class OwnerCache {
 public:
  enum class State : uint8_t { Asked, Somebody, Nobody, Unknown };
  struct Entry {
    State state = State::Asked;
    uint32_t ticket = 0;  // of the question
    std::string user;
    int64_t until_ms = 0;
    uint32_t server = 0;  // that will tell when it changes
  };

  /// `most`: entries; beyond them the oldest ones go.
  OwnerCache(size_t most, HashSeed seed) : most_(most), entries_(0, TextHash{seed}) {}

  /// nullptr: not there, or its deadline has passed.
  const Entry* find(std::string_view key, int64_t now_ms);
  /// Marks it as being asked; the ticket is what the answer is to bring back.
  uint32_t ask(std::string_view key);
  /// False: nobody waits for this any more.
  bool answer(std::string_view key, uint32_t ticket, State state, std::string user, int64_t until_ms,
              uint32_t server = 0);
  void forget(std::string_view key);
  /// Answers that came from there.
  void forget_from(uint32_t server);
  void clear();

  size_t size() const { return entries_.size(); }
  size_t asked() const { return asked_; }

 private:
  struct Kept {
    Entry entry;
    std::list<std::string_view>::iterator place;
  };
  using Entries = std::unordered_map<std::string, Kept, TextHash, std::equal_to<>>;
  void erase(Entries::iterator at);

  size_t most_;
  Entries entries_;
  std::list<std::string_view> order_;  // as they were asked; keys of entries_
  size_t asked_ = 0;
  uint32_t tickets_ = 0;
};

}  // namespace microcloud
