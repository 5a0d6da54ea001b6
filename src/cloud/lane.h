// One writer's numbered batches on their way to one Redis master, each applied exactly once: a guarded transaction over
// a connection that may break at any byte, on a server that may come back without its last seconds. No input or output
// here: whoever owns a lane connects it.
//
// A batch goes as WATCH ledger / EVAL guard / MULTI / SET ledger n / ... / EXEC in one write, several of them without
// waiting. The ledger is a key of this writer alone. Unless it holds n - 1, the guard writes it back as it is: that
// dirties the connection's own WATCH, EXEC answers nil, and nothing is applied. So a repeat is refused as well as a
// gap, also when the bytes of an old connection arrive late, and the guard's reply says where to go on.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cloud/confirmation.h"
#include "cloud/piece.h"
#include "cloud/reborn_keys.h"
#include "resp/commands.h"
#include "resp/outcome.h"

namespace microcloud {

struct LaneSettings {
  std::string ledger;     // key; in a cluster: field of hashes and member of sorted sets
  size_t in_flight = 16;  // batches that are out and not answered
  int64_t flush_ms = 10;  // what waits goes out after so long
  bool at_once = false;   // or at once, where nothing went out for so long
  size_t full = 32'768;   // or when so many keys wait: some 16 MB
  uint32_t ttl_s = 3'600;
  /// Batches that were acknowledged are kept until every replica has them: a master may lose what it acknowledged. A
  /// server without replicas may lose what is not on its disk yet: there so long, and no more than these bytes.
  int64_t keep_ms = 30'000;
  size_t keep_bytes = size_t{64} << 20;
  int64_t role_every_ms = 500;
  /// Called when a server says that it has something, once: with the times of its packets (KeyUpdate::packet_us).
  std::function<void(std::span<const int64_t> packets_us)> applied = {};
};

/// `since_ms`: after the last flush; `ready`: keys that may go. `any` waits, be it laid aside.
inline bool is_time_to_flush(const LaneSettings& settings, int64_t since_ms, size_t ready, bool any) {
  if (settings.at_once && !any) return false;
  return since_ms >= settings.flush_ms || ready >= settings.full;
}

/// What a lane sends over. It is called back later, never from inside send(); after a break all that was out is
/// answered.
class LaneLink {
 public:
  /// Outcome Ok: each command has its reply, errors are among them. Else: those that came.
  using Done = std::function<void(resp::Outcome, std::vector<resp::Value>)>;
  virtual ~LaneLink() = default;
  virtual void send(resp::Commands commands, Done done) = 0;
  /// This connection is of no use any more.
  virtual void reconnect(const std::string& why) = 0;
};

/// What waits to be written.
class PieceSource {
 public:
  virtual ~PieceSource() = default;
  virtual size_t waiting() = 0;  // keys that may go
  virtual std::optional<Piece> cut() = 0;
  /// Of the batch `number` the server has applied `rest` only; what it refused for now is the next batch, as if it had
  /// been cut.
  virtual void divided(uint64_t /*number*/, const Piece& /*rest*/, const Piece& /*refused*/) {}
  /// The lane has a batch of its own, as if it had been cut.
  virtual void added(const Piece& /*piece*/) {}
  /// These keys had gone and were born again by what was cut: what they hold is of these times.
  virtual void reborn(const std::vector<KeyTimes>& /*keys*/) {}
};

struct LaneCounts {
  uint64_t applied = 0;         // batches
  uint64_t increments = 0;      // that are in the server, refused ones among them
  uint64_t sent_again = 0;      // batches
  uint64_t refused = 0;         // of them: the server does not take them; another type under the key, beyond 64 bits
  uint64_t refused_others = 0;  // times that it did not take what brings no increment: texts, times, times to live
  uint64_t rolled_back = 0;     // batches that the server had acknowledged, lost, and got again
  uint64_t lost = 0;            // increments in batches that the server lost when they were no longer kept
  uint64_t reborn = 0;          // keys that had gone although this probe believed them alive
  uint64_t alarms = 0;  // increments that were never applied and yet refused as a repeat: their numbers are not new
  int64_t lag_ms = 0;   // of the last batch: from its oldest update to the reply
};

class Lane {
 public:
  Lane(LaneSettings settings, PieceSource& source, LaneLink& link);

  /// The connection is there, to a master. All that was sent over an older one was answered.
  void up(int64_t now_ms);
  void down();
  /// Every few milliseconds: sends what is due.
  void tick(int64_t now_ms);

  const LaneCounts& counts() const { return counts_; }
  /// Number of the last batch of which the server said that it has it.
  uint64_t acknowledged() const { return acknowledged_; }
  /// Batches that may be needed again; and those of them whose fate is open.
  size_t kept() const { return kept_.size(); }
  size_t unacknowledged() const { return static_cast<size_t>(last_number_ - acknowledged_); }
  size_t kept_bytes() const { return kept_bytes_; }
  /// nullptr: it is not kept.
  const Piece* piece(uint64_t number) const {
    if (kept_.empty() || number < kept_.front().number || number > last_number_) return nullptr;
    return &kept_[static_cast<size_t>(number - kept_.front().number)].piece;
  }
  uint64_t last_number() const { return last_number_; }
  /// What the server has is known: what waits goes to it.
  bool ready() const { return state_ == State::Ready; }
  /// All is in the server, and with every replica that it has; what waits in the source aside.
  bool settled() const {
    return unacknowledged() == 0 &&
           (last_number_ == 0 || (confirmation_.known() && (!confirmation_.replicated() || kept_.empty())));
  }
  /// Why nothing is applied, in the server's words; empty: all is well.
  const std::string& trouble() const { return trouble_; }
  /// Of the last command that was refused for good, in the server's words.
  const std::string& refusal() const { return refusal_; }

 private:
  enum class State : uint8_t { Down, Asking, Ready, Draining, Pausing };
  struct Kept {
    uint64_t number;
    Piece piece;
    uint64_t refused = 0;  // of its increments, when it was applied last
    bool was_acknowledged = false;
    bool was_told = false;  // to LaneSettings::applied
    int64_t acknowledged_ms = 0;
  };
  struct Forgotten {
    uint64_t number;
    uint64_t increments;  // that the server took
  };

  void ask_ledger();
  void on_ledger(const std::vector<resp::Value>& replies);
  void go_on_from(uint64_t ledger);
  void close_gap(uint64_t ledger);
  void skip(uint64_t from, uint64_t to);
  void send_batches();
  bool cut_next();
  void send_batch(Kept& batch);
  void on_batch(uint64_t number, const std::vector<resp::Value>& replies);
  void on_applied(uint64_t number, const std::vector<resp::Value>& results);
  void count_refusal(Kept& batch, size_t command, const resp::Value& error);
  void divide(uint64_t number, const std::vector<size_t>& not_permitted);
  void expire_reborn(const std::vector<std::string_view>& keys);
  void ask_reborn();
  void acknowledge(uint64_t number, bool is_answered);
  void drain(std::string trouble, int64_t pause_ms);
  void drained();
  void ask_role();
  void on_role(const resp::Value& reply);
  void forget_up_to(uint64_t number);
  void forget_by_time();
  Kept& kept(uint64_t number) { return kept_[static_cast<size_t>(number - kept_.front().number)]; }

  LaneSettings settings_;
  PieceSource& source_;
  LaneLink& link_;
  State state_ = State::Down;
  uint64_t connection_ = 0;  // answers of older ones do not count
  int64_t now_ms_ = 0;
  int64_t flushed_ms_ = 0;
  size_t to_flush_ = 0;  // keys
  int64_t pause_until_ms_ = 0;
  int64_t next_pause_ms_ = 0;
  size_t out_ = 0;               // batches sent over this connection and not answered
  bool in_transaction_ = false;  // its EXEC was refused

  std::deque<Kept> kept_;  // numbers without gaps, up to last_number_
  size_t kept_bytes_ = 0;
  uint64_t last_number_ = 0;
  uint64_t acknowledged_ = 0;
  uint64_t next_ = 1;       // to send
  uint64_t sent_ = 0;       // the highest number that ever went out
  uint64_t unwritten_ = 0;  // a batch that is applied, although the ledger does not say so; 0: none
  std::deque<Forgotten> forgotten_;

  RebornKeys reborn_;
  Confirmation confirmation_;
  int64_t role_asked_ms_ = 0;
  int64_t cut_ms_ = 0;  // the last time that a batch was cut, or that nothing was to be

  LaneCounts counts_;
  std::string trouble_;
  std::string refusal_;
};

}  // namespace microcloud
