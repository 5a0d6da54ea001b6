// What waits to be written to the MicroCloud: one entry a key, into which everything for that key is merged. So its
// size depends on how many keys are touched, not on how long they wait.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.h"

namespace microcloud {

struct TextHash {
  using is_transparent = void;
  HashSeed seed;
  size_t operator()(std::string_view text) const { return hash_text(seed, text); }
};

/// Of a whole buffer.
struct MergeTotals {
  size_t bytes = 0;          // that wait
  uint64_t increments = 0;   // that ever came
  uint64_t lost = 0;         // of them, given up because the buffer was full
  uint64_t others_lost = 0;  // updates of keys without any (texts), given up for the same reason
};

struct SpilledUpdate;

/// Of the packets that some increments count: the first one and the last one, ms since 1970.
struct SeenTimes {
  int64_t first_ms = INT64_MAX;
  int64_t last_ms = INT64_MIN;
  bool known() const { return first_ms <= last_ms; }
  void include(const SeenTimes& other) {
    first_ms = std::min(first_ms, other.first_ms);
    last_ms = std::max(last_ms, other.last_ms);
  }
};

/// What waits for one key, a hash or a sorted set. Names of numbers must live as long as the program.
class KeyUpdate {
 public:
  enum class Op : uint8_t {
    Add,       // HINCRBY
    Latest,    // HSET: of several the largest
    IfAbsent,  // HSETNX: of several the smallest
    Earliest,  // HSET where there is none or a larger one: of several the smallest
  };
  struct Number {
    std::string_view field;
    int64_t value;
    Op op;
    uint64_t increments : 56 = 0;  // of Add: so many were merged into it
  };
  /// Of a sorted set's member.
  struct Sum {
    int64_t amount = 0;
    uint64_t increments = 0;  // that were merged into it
  };
  struct Text {
    std::string field;
    std::string value;
  };
  /// Where the hash has `value` in `field`, it gets `mark_value` in `mark` and this many seconds to live.
  struct Ending {
    std::string field;
    std::string value;
    std::string mark;
    std::string mark_value;
    uint32_t seconds;
  };
  using Members = std::unordered_map<std::string, Sum, TextHash>;

  KeyUpdate(MergeTotals& totals, HashSeed seed) : members_(0, TextHash{seed}), totals_(totals) {}

  /// `increments`: so many were merged into the amount.
  void add(std::string_view field, uint64_t amount, uint64_t increments = 1);
  void latest(std::string_view field, int64_t value) { number(field, value, Op::Latest); }
  void if_absent(std::string_view field, int64_t value) { number(field, value, Op::IfAbsent); }
  void earliest(std::string_view field, int64_t value) { number(field, value, Op::Earliest); }
  /// HSET: the last one wins.
  void set(std::string_view field, std::string_view value);
  /// ZINCRBY of a sorted set's member.
  void add_member(std::string_view member, uint64_t amount, uint64_t increments = 1);
  /// All that waits in another one.
  void merge(const KeyUpdate& other);
  /// Increments count packets of these times: what is told of a key that turns out to have been born by them.
  void seen(const SeenTimes& times) { times_.include(times); }
  /// This probe knows of no such key: that it is not there is no surprise. Its time to live begins.
  void begin() {
    begins_ = true;
    refresh();
  }
  /// Its time to live begins anew.
  void refresh() {
    refresh_ = true;
    ending_.reset();
  }
  /// Behind all else that waits for it; a refresh() that follows takes that back.
  void end(Ending ending);
  /// The same unless the hash has this field by then.
  void refresh_unless(std::string_view field) {
    refresh_ = true;
    unless_ = field;
  }
  /// A sorted set that may have more members than it keeps by now.
  void trim() { trim_ = true; }

  const std::string& key() const { return key_; }
  const std::vector<Number>& numbers() const { return numbers_; }
  const std::vector<Text>& texts() const { return texts_; }
  const Members& members() const { return members_; }
  const SeenTimes& times() const { return times_; }
  bool begins() const { return begins_; }
  bool refreshes() const { return refresh_; }
  /// Of refresh_unless(); empty: always.
  std::string_view refreshes_unless() const { return unless_; }
  const std::optional<Ending>& ending() const { return ending_; }
  bool trims() const { return trim_; }
  /// How many increments were merged into this: what is lost with it. Those of its numbers and members together.
  uint64_t increments() const { return increments_; }
  /// When the oldest of them came (MergeBuffer::set_time), or was released.
  int64_t since_ms() const { return since_ms_; }
  /// Time of the oldest packet among those that completed their records; 0: none did.
  int64_t packet_us() const { return packet_us_; }

 private:
  friend class MergeBuffer;
  Number* find(std::string_view field, Op op);
  void number(std::string_view field, int64_t value, Op op);
  void merge(const Number& one);
  void follow(const SpilledUpdate& later);
  void start(std::string_view key);
  void grew(size_t bytes) {
    own_bytes_ += bytes;
    totals_.bytes += bytes;
  }
  /// More than a number can hold: given up, like what the server would refuse.
  void refuse(uint64_t increments) {
    totals_.increments += increments;
    totals_.lost += increments;
  }
  void count_increments(uint64_t increments) {
    increments_ += increments;
    totals_.increments += increments;
  }

  std::string key_;
  std::vector<Number> numbers_;
  std::vector<Text> texts_;
  Members members_;
  SeenTimes times_;
  bool begins_ = false;
  bool refresh_ = false;
  std::string_view unless_;
  std::optional<Ending> ending_;
  bool trim_ = false;
  uint64_t increments_ = 0;
  int64_t since_ms_ = 0;
  int64_t packet_us_ = 0;
  size_t own_bytes_ = 0;
  MergeTotals& totals_;
};

/// One thread at a time. The first key to come is the first to go, but for those that may wait longer (at_leisure()).
class MergeBuffer {
 public:
  /// How long the latter wait, unless so many of them do, or half of all the memory is used.
  static constexpr int64_t kLeisureMs = 2'000;
  static constexpr size_t kMostAtLeisure = 32'768;
  /// `most_bytes`: about so much memory; beyond it the oldest keys are given up and counted.
  MergeBuffer(size_t most_bytes, HashSeed seed);
  /// Who is shown what is to be given up, and says whether it is kept elsewhere: then it is not lost.
  void spill_to(std::function<bool(const KeyUpdate&)> spill) { spill_ = std::move(spill); }
  /// Merges it behind what waits for its key.
  void put_back(const SpilledUpdate& update);

  /// What waits for the key; valid until the next call.
  KeyUpdate& at(std::string_view key) { return at(key, waiting_); }
  /// The same; a key for which nothing waits yet is not ready before release().
  KeyUpdate& at_leisure(std::string_view key) { return at(key, hurried_ ? waiting_ : leisurely_); }
  /// Of the latter, those whose time is over are ready from now on: they came at `now_ms`, as far as since_ms() tells.
  void release(int64_t now_ms);
  /// From now on nothing waits longer than the rest.
  void hurry();

  /// nullptr: nothing waits for the key.
  const KeyUpdate* find(std::string_view key) const;
  /// How far each_from() has come: in the index, so that it does not matter what moves between queues and shelves.
  struct Position {
    size_t bucket = 0;
    size_t buckets = 0;  // of the index by then
  };
  /// Calls `look` for keys in no order, from `position` on, and moves it behind them; with `most` steps, of a key or of
  /// an empty place each (the last one may show some keys more). False: there are no more. Whatever waits from the
  /// first of such calls to the last was shown by then, more than once where the index grew between two of them.
  bool each_from(Position& position, size_t most, const std::function<void(const KeyUpdate&)>& look) const;

  size_t size() const { return waiting_.size() + leisurely_.size() + shelved_; }
  /// Those of them that are not laid aside and do not wait longer than the rest.
  size_t ready() const { return waiting_.size(); }
  size_t bytes() const { return totals_.bytes; }
  const MergeTotals& totals() const { return totals_; }
  /// Of what comes from now on: when, and the time (us since 1970) of the packet that it is of; 0: not known.
  void set_time(int64_t now_ms, int64_t packet_us = 0) {
    now_ms_ = now_ms;
    packet_us_ = packet_us;
  }
  /// The oldest one that is ready; there must be one.
  KeyUpdate& front() { return *waiting_.front(); }
  void pop_front();
  /// Takes up to `count` members from the oldest one, a sorted set; what is left of it goes on waiting.
  std::vector<std::pair<std::string, KeyUpdate::Sum>> take_members(size_t count);

  /// What waits longest, laid aside or not, is lost or spilled; there must be one.
  void give_up_oldest();

  /// Lays the oldest one aside, on a shelf: it goes on merging and is not in the way of the others. unshelve() puts all
  /// of a shelf back, in front.
  void shelve_front(uint32_t shelf);
  void unshelve(uint32_t shelf);

 private:
  struct Shelf {
    uint64_t filling = 0;  // never the same again
    std::vector<std::unique_ptr<KeyUpdate>> updates;
  };
  using Updates = std::deque<std::unique_ptr<KeyUpdate>>;
  KeyUpdate& at(std::string_view key, Updates& queue);
  void release_front(int64_t now_ms);
  void give_up(const KeyUpdate& update);
  void discard(std::unique_ptr<KeyUpdate> update);
  static constexpr size_t kMostSpare = 4096;

  size_t most_bytes_;
  HashSeed seed_;
  std::function<bool(const KeyUpdate&)> spill_;
  MergeTotals totals_;
  int64_t now_ms_ = 0;
  int64_t packet_us_ = 0;
  Updates waiting_;
  uint64_t gone_ = 0;  // keys that waited and do no more: the number of the first one
  Updates leisurely_;
  uint64_t released_ = 0;  // the same of these
  bool hurried_ = false;
  std::unordered_map<uint32_t, Shelf> shelves_;
  std::deque<std::pair<uint32_t, uint64_t>> shelved_order_;  // shelf and filling, an entry for each that was laid there
  size_t shelved_ = 0;
  uint64_t fillings_ = 0;
  std::vector<std::unique_ptr<KeyUpdate>> spare_;  // they keep their memory for the next keys
  std::unordered_map<std::string_view, KeyUpdate*, TextHash> index_;
};

}  // namespace microcloud
