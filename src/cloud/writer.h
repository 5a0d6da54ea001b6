// How the probe writes to the MicroCloud: records in on one thread, batches out to Redis on another. Two lanes, each
// with a buffer, a connection and a ledger of its own: one for what merges, and one for what others wait for, which
// leaves at once and waits for nothing that the other one has on its way.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/fair_mutex.h"
#include "base/histogram.h"
#include "cloud/accounting.h"
#include "cloud/alerts.h"
#include "cloud/events.h"
#include "cloud/lane_feed.h"
#include "cloud/loss_log.h"
#include "cloud/overflow.h"
#include "cloud/reach_log.h"
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
  size_t most_urgent_bytes = size_t{16} << 20;
  /// Where what merges goes when it is more than that.
  OverflowSettings spill = {};
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
  std::string trouble;             // why nothing is applied; empty: all is well
  std::string fatal;               // why this writer must not go on; empty: it may
  uint64_t increments = 0;         // of counters that records have made
  uint64_t overflowed = 0;         // of them: given up because too much waited
  uint64_t damaged = 0;            // of them: could not be read back from the spill file
  uint64_t others_overflowed = 0;  // updates of keys without increments (texts) that were given up
  uint64_t keys_refused = 0;
  size_t waiting_keys = 0;
  size_t waiting_bytes = 0;
  struct Spill {
    size_t keys = 0;  // updates of keys that wait in the file; some may be of the same one
    uint64_t bytes = 0;
    uint64_t failures = 0;  // of writing and reading
  };
  std::optional<Spill> spill;  // nothing: there is no such file
  uint64_t batch = 0;          // the last one of the merging lane that was acknowledged
  uint64_t urgent_batch = 0;   // of the urgent one
  size_t kept_batches = 0;
  size_t kept_bytes = 0;
  LaneCounts lane;
  /// From the packet that completed a record to the reply that tells of it; of one key, its oldest packet.
  HistogramCounts visible;

  uint64_t lost() const { return overflowed + damaged + lane.lost + lane.refused; }
};

class CloudWriter final {
 public:
  explicit CloudWriter(WriterSettings settings);
  ~CloudWriter();
  CloudWriter(const CloudWriter&) = delete;
  CloudWriter& operator=(const CloudWriter&) = delete;

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
  /// What probe.<id> tells of the writer, but for the batch: how far it is and what is lost. Any thread. `last`: the
  /// process ends, and alerts that wait never come.
  std::vector<std::pair<std::string, std::string>> health(bool last = false) const;
  std::string node() const { return settings_.url.text(); }
  const AccountingSettings& accounting() const { return settings_.accounting; }
  const std::string& incarnation() const { return settings_.incarnation; }
  /// What holds the number of the merging lane's last batch applied: a key, or of a cluster a field of each hash and a
  /// member of each sorted set.
  std::string ledger() const;

  /// What the server has not acknowledged, of one moment: what waits, and commands of batches (readable settings only),
  /// of a cluster units.
  struct Unacknowledged {
    struct OfLane {
      const LaneFeed& feed;
      const ClusterLane* lane;  // nullptr: it is no cluster
    };
    const Accounting& accounting;
    OfLane merging;
    OfLane urgent;
  };
  /// Any thread; records wait for it meanwhile.
  void look(const std::function<void(const Unacknowledged&)>& at) const;

 private:
  using Clock = std::chrono::steady_clock;
  int64_t now_ms() const;

  // On the loop's thread.
  bool is_cluster() const { return settings_.url.kind == resp::Url::Kind::Cluster; }
  enum class LaneKind : uint8_t { Merging, Urgent };
  std::string ledger_of(LaneKind kind) const;
  std::unique_ptr<UpdateWay> make_way(LaneKind kind, LaneFeed& feed, std::string_view batch_field);
  bool done() const;
  void tick();
  void tick_urgent();
  void beat(bool last);
  // Not of a cluster, whose ledgers go with their keys.
  std::string lives() const;
  void begin_ledgers();
  void expire_ledgers(const std::vector<std::string>& ledgers);
  void tell_earlier_life(const resp::Value& beat_and_ended) const;
  void look_for_namesake(const resp::Value& life);
  void on_beat(bool last);
  uint64_t waiting_keys() const;  // in memory; with the mutex
  void publish_status(const WayStatus& merging, const WayStatus& urgent);
  void tell_reach(const WayStatus& merging, const WayStatus& urgent);
  void tell_schema(int64_t schema);
  void tell_losses(const std::string& refusal);
  void tell_alarms(uint64_t alarms);

  const WriterSettings settings_;
  const Clock::time_point started_;
  KeyNames names_;

  mutable FairMutex mutex_;  // what records go into, and what is told of it
  LaneFeed merging_;
  LaneFeed urgent_;
  Accounting accounting_;
  WriterStatus status_;
  bool last_beat_done_ = false;

  Histogram visible_;
  Events events_;
  Alerts alerts_;
  WatchList list_;
  Loop loop_;
  Timer timer_;
  Timer urgent_timer_;
  ReachLog reach_;
  LossLog losses_;
  std::unique_ptr<UpdateWay> way_;
  std::unique_ptr<UpdateWay> urgent_way_;
  int64_t beaten_ms_ = 0;
  int64_t second_ms_ = 0;
  uint64_t alarms_told_ = 0;
  bool has_begun_ = false;  // the list of lives has this one
  bool has_beaten_ = false;
  bool has_told_schema_ = false;
  std::optional<int64_t> namesake_ms_;  // when another probe of this name last beat
  std::thread thread_;
};

}  // namespace microcloud
