// The probe's Redis face: its live flow cache, served as the keys of the MicroCloud.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "net/loop.h"
#include "probe/output.h"
#include "query/asker.h"
#include "query/commands.h"
#include "query/fair_queue.h"
#include "query/listing.h"
#include "query/point_answer.h"
#include "query/scans.h"
#include "record/json.h"
#include "resp/server.h"

namespace microcloud {

struct FaceSettings {
  resp::ServerSettings server;
  LiveView view;
  std::string version;  // of the program
  /// Whether a user may read a key; empty: all may.
  std::function<bool(std::string_view user, std::string_view key)> may_read = {};
};

/// Read by any thread.
struct FaceCounters {
  Counter questions;    // put to the workers
  Counter repeated;     // of them, asked again as flows were missing or there was no common moment
  Counter failed;       // commands that were refused after that
  Counter published;    // records, to subscribers
  Counter unpublished;  // there were too many on their way to them
  Counter listings;     // KEYS, SCAN 0 and DBSIZE
};

/// Serves on a thread of its own from start() to stop(). As an output it publishes the records that somebody has
/// subscribed to, on event.<record type>.
class Face final : public Output {
 public:
  /// Binds; before the probe starts. Throws std::runtime_error.
  Face(FaceSettings settings, Probe& probe);
  ~Face() override;

  void start();
  void stop();
  uint16_t port() const { return server_->port(); }
  /// Any thread: `change` is called on the face's own, between two commands.
  void call(std::function<void(resp::Server&)> change) {
    loop_.post([this, change = std::move(change)] { change(*server_); });
  }

  void put(const RecordRef& record) override;

  const FaceCounters& counters() const { return counters_; }
  const resp::ServerCounts& server_counts() const { return server_->counts(); }
  const Counter& not_accepted() const { return server_->not_accepted(); }

 private:
  using Clock = std::chrono::steady_clock;
  /// A command that waits for its answer.
  struct Waiting {
    const FaceCommand* command;
    CommandWords words;
    resp::Reply reply;
  };
  /// What is asked together: what stands under keys, or one listing, however many want it.
  struct Batch {
    std::vector<Waiting> commands;
    size_t keys = 0;
    std::unique_ptr<PointAnswer> points;  // either
    std::unique_ptr<Listing> listing;
    unsigned tries = 0;
  };
  void on_command(const resp::CommandView& view, resp::Reply reply);
  void answer_itself(const FaceCommand& command, const CommandWords& words, resp::Reply reply);
  std::string info(const CommandWords& words) const;
  bool go_on_scanning(const CommandWords& words, resp::Reply& reply);
  void flush();
  bool next_batch(unsigned lane);
  void add(Batch& batch, Waiting&& one);
  bool fits(const Batch& batch, const Waiting& one) const;
  void ask(unsigned lane);
  void work(unsigned lane);
  void ask_later(unsigned lane);
  void answer(Batch& batch);
  void answer_points(Batch& batch);
  void answer_listing(Batch& batch);
  void refuse(Batch& batch);
  void publish();

  LearntHosts learnt_;
  FaceSettings settings_;
  Probe& probe_;
  Loop loop_;
  std::unique_ptr<resp::Server> server_;
  Asker asker_;
  std::array<std::atomic<bool>, Mailbox::kLanes> woken_{};
  std::array<FairQueue<Waiting>, Mailbox::kLanes> waiting_;
  std::array<std::unique_ptr<Batch>, Mailbox::kLanes> open_;
  std::array<Timer, Mailbox::kLanes> again_{Timer(loop_), Timer(loop_)};
  Scans scans_;
  bool flush_posted_ = false;
  Clock::time_point started_ = Clock::now();

  // From the output thread to subscribers.
  struct Message {
    const RecordType* type;
    std::string line;
  };
  std::mutex messages_mutex_;
  std::vector<Message> messages_;
  bool publish_posted_ = false;
  std::deque<Message> publishing_;  // the loop's
  JsonWriter json_;                 // the output thread's
  FaceCounters counters_;
  std::thread thread_;
};

}  // namespace microcloud
