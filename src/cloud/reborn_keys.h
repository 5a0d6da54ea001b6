// Which keys were born again by a lane's batches, as the replies tell, and from when on what they hold counts. A key
// that was evicted or deleted while this probe believed it alive has neither times nor a time to live: it is asked, by
// a batch of its own (kTimesScript), and gets those of what came since.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cloud/piece.h"
#include "resp/value.h"

namespace microcloud {

/// On the lane's thread. Of the updates of such a key some are on their way already: all that were cut before whoever
/// makes them heard of it, which is when take_known() gave it out.
class RebornKeys {
 public:
  /// The batch was applied; `results`: of its own commands. `last`: the last batch that was cut by now. Answers with
  /// keys that need nothing but a time to live, if they have none.
  std::vector<std::string_view> look(uint64_t number, const Piece& piece, const std::vector<resp::Value>& results,
                                     uint64_t last);
  /// The batch was applied, and what was answered is not known: each of its keys may have been born by it.
  void look_unanswered(uint64_t number, const Piece& piece, uint64_t last);

  /// What is to be the batch `number`; nothing: there is nothing to ask.
  std::optional<Piece> take_questions(uint64_t number, uint32_t ttl_s, int64_t now_ms);
  /// Keys of which it is known by now that they were born again, and the times of what they hold.
  std::vector<KeyTimes> take_known() { return std::exchange(known_, {}); }

 private:
  struct Reborn {
    SeenTimes times;
    uint64_t asked_by = 0;  // the last batch that does; 0: none yet
    SeenTimes asked = {};   // the times that are told so
    bool is_known = false;  // else it may have been alive all the time
    uint64_t until = 0;     // the last batch that was cut before that was known
    /// Of what came since a batch that was applied without an answer: perhaps it was born by that once more.
    std::optional<SeenTimes> since_unanswered = {};
  };
  using Keys = std::unordered_map<std::string, Reborn>;
  void ask(std::string_view key, const SeenTimes& times, uint64_t last);
  void may_be_reborn(uint64_t number, std::string_view key, const SeenTimes& times);
  /// `first`: of the key; nullptr: the answer was lost.
  void on_answer(uint64_t number, const Piece& piece, const Piece::Check& check, const resp::Value* first,
                 uint64_t last);
  void forget_up_to(uint64_t number);

  Keys keys_;
  std::deque<std::pair<uint64_t, std::string>> until_;  // keys that are known, and until which batch
  std::vector<KeyTimes> to_ask_;
  std::vector<KeyTimes> known_;
};

}  // namespace microcloud
