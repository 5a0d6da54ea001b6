// How the probe writes to the MicroCloud: records in on one thread, batches out to Redis on another.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/histogram.h"
#include "cloud/accounting.h"
#include "cloud/alerts.h"
#include "cloud/cluster_lane.h"
#include "cloud/events.h"
#include "cloud/update_way.h"
#include "cloud/watch_list.h"
#include "net/loop.h"
#include "resp/client.h"
#include "resp/url.h"

namespace microcloud {

struct WriterSettings {
  resp::Url url;  // a node, the sentinels that know it, or some nodes of a cluster
  resp::ClientSettings client;
  AccountingSettings accounting;
  std::string probe_id;
  std::string incarnation;  // never the same again: the ledger of a life is its own
  int64_t flush_ms = 10;
  bool live = false;  // records are of now: how long they take to be visible is told
  size_t most_waiting_bytes = size_t{64} << 20;
  /// Batches that the server has not acknowledged are kept readable (look()).
  bool readable = false;
  /// What probe.<id> tells each second beside the writer's own; called on the writer's thread.
  std::function<std::vector<std::pair<std::string, std::string>>()> heartbeat;
  std::string watch_list;  // list.<name> is read, and kept up; empty: none
  /// Called each second on the writer's thread, whether or not the server is there. `last`: at the end, on the thread
  /// of drain(), when the server has all.
  std::function<void(bool last)> each_second;
};

struct WriterStatus {
  bool connected = false;
  std::string trouble;      // why nothing is applied; empty: all is well
  std::string fatal;        // why this writer must not go on; empty: it may
  uint64_t increments = 0;  // of counters that records have made
  uint64_t overflowed = 0;  // of them: given up because too much waited
  uint64_t keys_refused = 0;
  size_t waiting_keys = 0;
  size_t waiting_bytes = 0;
  uint64_t batch = 0;  // the last one acknowledged
  size_t kept_batches = 0;
  size_t kept_bytes = 0;
  LaneCounts lane;
  /// From the packet that completed a record to the reply that tells of it; of one key, its oldest packet.
  HistogramCounts visible;

  uint64_t lost() const { return overflowed + lane.lost + lane.refused; }
};

/// A batch on its way.
struct Batch {
  uint64_t number;
  std::string commands;  // see Piece
};

class CloudWriter final : private PieceSource, private UnitSource {
 public:
  explicit CloudWriter(WriterSettings settings);
  ~CloudWriter() override;

  void start();
  /// Ends the thread; what the server has not taken by now it will not get.
  void stop();
  /// One thread: never waits for the server.
  void put(const RecordRef& record);
  /// Any thread: on that channel (event.flow) for whoever listens; at most once.
  void publish(std::string_view channel, std::string payload) { events_.add(channel, std::move(payload)); }
  const EventCounts& events() const { return events_.counts(); }
  Alerts& alerts() { return alerts_; }
  const Alerts& alerts() const { return alerts_; }
  bool reads_watch_list() const { return !settings_.watch_list.empty(); }
  const WatchList& watch_list() const { return list_; }
  /// A few times a second, on the same thread as put().
  void sweep();
  /// After the last record: waits until the server has all (and each of its replicas), or `give_up` says true. False:
  /// it has not.
  [[nodiscard]] bool drain(const std::function<bool()>& give_up);
  /// Any thread.
  WriterStatus status() const;
  std::string node() const { return settings_.url.text(); }
  const AccountingSettings& accounting() const { return settings_.accounting; }
  const std::string& incarnation() const { return settings_.incarnation; }
  /// What holds the number of the last batch applied: a key, or of a cluster a field of each hash and a member of each
  /// sorted set.
  std::string ledger() const;

  /// What the server has not acknowledged, of one moment: what waits, and commands of batches (readable settings only),
  /// of a cluster units.
  struct Unacknowledged {
    const MergeBuffer& waiting;
    const Accounting& accounting;
    uint64_t batch;  // the last one acknowledged
    uint64_t last;   // the last one that was made of what waited
    /// In the order of their numbers; the texts stay as they are.
    const std::deque<std::shared_ptr<const Batch>>& batches;
    const ClusterLane* lane;  // nullptr: it is no cluster
  };
  /// Any thread; records wait for it meanwhile.
  void look(const std::function<void(const Unacknowledged&)>& at) const;

 private:
  using Clock = std::chrono::steady_clock;
  int64_t now_ms() const;
  std::unique_lock<std::mutex> in_turn() const;
  void note_ready();

  // On the loop's thread.
  std::unique_ptr<UpdateWay> make_way();
  size_t waiting() override;
  std::optional<Piece> cut() override;
  bool urgent() override { return urgent_.exchange(false, std::memory_order_acquire); }
  void divided(uint64_t number, const Piece& rest, const Piece& refused) override;
  bool done() const;
  size_t ready() override;
  UnitCut cut(size_t most, const std::function<bool(resp::Slot)>& takes) override;
  void unshelve(const std::vector<resp::Slot>& slots) override;
  void tick();
  void beat(bool last);
  void on_beat(bool last);
  void publish_status(const WayStatus& way);
  void note_batches(const Lane& lane);
  enum class Reach : uint8_t { Unknown, Takes, Refuses, Away };
  void tell(Reach reach, const std::string& why);
  void tell_alarms(uint64_t alarms);

  const WriterSettings settings_;
  const Clock::time_point started_;
  const PieceLimits limits_;
  KeyNames names_;

  /// Held while it waits for the other one, by the thread of records and the loop's: records follow one another so
  /// closely that the loop would seldom find the other one free.
  mutable std::mutex turn_;
  mutable std::mutex mutex_;  // what records go into, and what is told of it
  MergeBuffer buffer_;
  std::atomic<size_t> ready_{0};  // keys in it that may go
  std::atomic<bool> urgent_{false};
  Accounting accounting_;
  WriterStatus status_;
  std::deque<std::shared_ptr<const Batch>> unacknowledged_;
  uint64_t acknowledged_ = 0;       // the batch before them
  uint64_t unacknowledged_to_ = 0;  // the number of the last one that was put there
  bool settled_ = true;
  bool last_beat_done_ = false;

  Histogram visible_;
  Events events_;
  Alerts alerts_;
  WatchList list_;
  Loop loop_;
  Timer timer_;
  std::unique_ptr<UpdateWay> way_;
  int64_t beaten_ms_ = 0;
  int64_t second_ms_ = 0;
  uint64_t alarms_told_ = 0;
  bool has_beaten_ = false;
  Reach told_ = Reach::Unknown;
  std::thread thread_;
};

}  // namespace microcloud
