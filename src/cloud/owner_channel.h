// The synchronous channel: a connection of its own for questions that must be answered at once, and the news of keys
// that have changed since they were read (CLIENT TRACKING, as pushes of RESP3 on the same connection).
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/address.h"
#include "base/counter.h"
#include "cloud/breaker.h"
#include "cloud/key_names.h"
#include "net/loop.h"
#include "resp/client.h"
#include "resp/url.h"

namespace microcloud {

struct ChannelSettings {
  resp::Url url;  // a node, or the sentinels that know it
  resp::ClientSettings client;
  std::string realm;
  std::chrono::milliseconds deadline{20};
  Breaker::Settings breaker;
};

/// Whose is it? `key` is what the answer is kept under: identity.<address>, identity.<mac>, or of delegated prefixes
/// identity.<network>/64, which stands for all that hold the network.
struct OwnerQuestion {
  enum class Kind : uint8_t { Address, Networks, Mac };
  Kind kind;
  std::string key;
  IpAddress network;  // of Networks
  uint32_t ticket;
};

/// What the channel says, in the order in which the server did.
struct OwnerNews {
  enum class Kind : uint8_t {
    Answer,      // user: empty: nobody
    NoAnswer,    // in time, or at all
    Changed,     // key: what was read of it counts no more
    AllChanged,  // or: whatever changes now is not told any more
  };
  Kind kind;
  std::string key = {};
  uint32_t ticket = 0;
  std::string user = {};
  int64_t lives_ms = -1;  // of the key; -1: for ever
  bool tracked = true;    // false: changes are not told
};

class OwnerChannel {
 public:
  using Tell = std::function<void(std::vector<OwnerNews>)>;
  /// `tell` is called on the channel's thread.
  OwnerChannel(ChannelSettings settings, Tell tell);
  ~OwnerChannel() { stop(); }

  void start();
  void stop();
  /// Any thread. Each of them is answered, if stop() does not come before.
  void ask(std::vector<OwnerQuestion> questions);
  /// Any thread: whether it makes sense to ask now.
  bool answers() const { return answers_.load(std::memory_order_acquire); }

  /// Any thread.
  struct Counts {
    Counter late;      // questions that had no answer in time
    Counter refused;   // that the server answered with an error
    Counter opened;    // how often the breaker did
    Counter connects;  // connections made
  };
  const Counts& counts() const { return counts_; }

 private:
  void on_state(resp::ClientEvents::State state, const std::string& why);
  void on_push(const resp::Value& push);
  void send(std::vector<OwnerQuestion> questions);
  void on_answers(const std::vector<OwnerQuestion>& questions, const resp::Result& result);
  OwnerNews read(const OwnerQuestion& question, const resp::Value* replies, size_t count);
  void open_breaker(const std::string& why);
  void try_again();
  void ready(bool tracked);

  const ChannelSettings settings_;
  Tell tell_;
  KeyNames names_;
  Breaker breaker_;
  bool tracked_ = false;
  bool told_untracked_ = false;
  bool told_refused_ = false;
  std::atomic<bool> answers_{false};
  Counts counts_;
  Loop loop_;
  Timer pause_;
  std::unique_ptr<resp::Client> client_;
  std::thread thread_;
};

}  // namespace microcloud
