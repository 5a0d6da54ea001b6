// In a cluster: what one key gets at once. The key itself holds the ledger, the number of this probe's last unit in it:
// a hash in a field, a sorted set as the negative score of a member (so that the ledger is never among the largest).
//
// A unit first goes out plain, as a transaction: MULTI / HSET key ledger n / HINCRBY ... / EXEC. When it is open
// whether that was applied it goes checked, as a script that applies it only where n is above what the key holds.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cloud/merge_buffer.h"
#include "resp/commands.h"
#include "resp/slot.h"
#include "resp/value.h"

namespace microcloud {

struct UnitForm {
  std::string ledger;  // `_l.<probe>`
  uint32_t ttl_s = 3'600;
  /// A sorted set has at most so many members, ledgers among them: as many as Redis holds in its compact form. When
  /// there are more it is trimmed to that, and never below `least_members` of those that count.
  size_t members = 128;
  size_t least_members = 100;
};

struct KeyUnit {
  uint64_t number = 0;
  resp::Slot slot = 0;
  std::string key;
  std::vector<KeyUpdate::Number> numbers;
  std::vector<KeyUpdate::Text> texts;
  std::vector<std::pair<std::string, KeyUpdate::Sum>> members;  // of a sorted set: then the others are empty
  bool of_set = false;                                          // though there may be no members
  SeenTimes times;                                              // KeyUpdate::times
  bool begins = false;                                          // KeyUpdate::begins
  /// The key was perhaps born again by an earlier unit, with these times: it gets them, in its numbers too, where it
  /// has later ones or none, unless it has gone again. Only goes checked.
  bool asks_times = false;
  bool refreshes = false;
  std::string_view refreshes_unless;  // KeyUpdate::refreshes_unless
  std::optional<KeyUpdate::Ending> ending;
  uint64_t increments = 0;  // that were merged into it: those of its numbers and members
  uint64_t refused = 0;     // of them, when it was applied last
  int64_t since_ms = 0;     // when the oldest of them came
  int64_t packet_us = 0;    // KeyUpdate::packet_us

  // What became of it.
  enum class Fate : uint8_t { Out, Open, Acknowledged };
  Fate fate = Fate::Open;
  bool was_told = false;         // to LaneSettings::applied
  bool perhaps_applied = false;  // once in its life: then a refusal as a repeat is no surprise
  bool rolled_back = false;      // was acknowledged by a server that may have lost it
  uint32_t ask = 0;              // another server, which the slot's owner named for it (ASK), once
  uint64_t serial = 0;           // among what one server acknowledged

  bool is_set() const { return of_set || !members.empty(); }
  size_t bytes() const;
};

/// Whether it tells the key's firstSeen as the first one.
bool tells_first(const KeyUnit& unit);
/// What asks for the times of the unit's key, without a number.
KeyUnit question_of_times(const KeyUnit& unit);

void append_plain(resp::Commands& commands, const KeyUnit& unit, const UnitForm& form);
/// Replies to it, from that to MULTI to that to EXEC.
size_t plain_replies(const KeyUnit& unit);
void append_checked(resp::Commands& commands, const KeyUnit& unit, const UnitForm& form);
/// Makes a sorted set small again, apart from any unit.
void append_trim(resp::Commands& commands, std::string_view key, const UnitForm& form);

struct UnitVerdict {
  enum class Kind : uint8_t {
    Applied,
    Repeat,      // was applied before
    NotApplied,  // provably: `error` says why
    Unknown,     // the connection broke
  };
  Kind kind = Kind::Unknown;
  uint64_t ledger = 0;  // of a Repeat: what the key holds
  bool checked = false;
  bool born = false;      // the key did not have this probe's ledger
  bool was_told = false;  // firstSeen, by another probe or an earlier life of this one, though the unit tells it first
  /// Of a unit that asks for times: the firstSeen that the key has by now; nothing: the key has gone.
  std::optional<int64_t> first_ms;
  bool too_many = false;  // members
  /// Commands of the transaction, from that to EXEC 0 on, that the user may not run any more: it was checked again, and
  /// the others were run. `why` says it.
  std::vector<size_t> not_permitted;
  const resp::Value* why = nullptr;
  uint64_t refused = 0;                  // increments
  uint64_t refused_others = 0;           // commands that bring none
  const resp::Value* refusal = nullptr;  // of the last of both
  const resp::Value* error = nullptr;
};

/// `replies`: those to the plain form, as many of them as came. What is pointed to is among them.
UnitVerdict judge_plain(const KeyUnit& unit, const resp::Value* replies, size_t count, const UnitForm& form);
/// The reply to the checked form; nullptr: none came.
UnitVerdict judge_checked(const KeyUnit& unit, const resp::Value* reply);

/// Takes what these commands of the plain form stand for (UnitVerdict::not_permitted) out of the unit, as one of its
/// own without a number.
KeyUnit take_out(KeyUnit& unit, const std::vector<size_t>& commands);

struct UnitCut {
  std::vector<KeyUnit> units;       // of one key each, no key twice
  size_t looked_at = 0;             // keys: some were laid aside
  std::vector<resp::Slot> divided;  // of sorted sets with too much for one unit: their rest was
};

/// Takes the oldest keys out of the buffer, those of slots that may take something now; the others are laid aside, on
/// the shelf that is the slot's.
UnitCut cut_units(MergeBuffer& buffer, size_t most, const std::function<bool(resp::Slot)>& takes);

}  // namespace microcloud
