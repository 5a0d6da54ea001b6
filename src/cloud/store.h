// A Redis server, the master behind sentinels, or a cluster, asked by somebody who waits for the answer.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "net/loop.h"
#include "resp/client.h"
#include "resp/cluster.h"
#include "resp/url.h"

namespace microcloud {

/// Nobody is there, or the connection broke: another try may find somebody.
class StoreAway : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// On one thread. What it throws is one sentence that names the store and what it said.
class Store {
 public:
  static constexpr std::chrono::milliseconds kPatience{5'000};  // for an answer
  static constexpr std::chrono::milliseconds kConnectPatience{2'000};

  /// `name`: how it is called in what is thrown. Connects when it is first asked.
  Store(std::string name, const resp::Url& url, resp::ClientSettings settings);
  ~Store();

  const std::string& name() const { return name_; }
  bool is_cluster() const { return cluster_ != nullptr; }

  /// Commands on keys of one slot; `key` is one of them.
  struct Question {
    std::string key;
    resp::Commands commands;
  };
  /// The replies to each question, in their order; what goes to a server that is alone goes in one write. Reads: what
  /// cannot be answered just now (TRYAGAIN, LOADING) is asked again for a while. Throws StoreAway when not all were
  /// answered in time, std::runtime_error when the server refuses who asks.
  std::vector<std::vector<resp::Value>> ask(const std::vector<Question>& questions);
  std::vector<resp::Value> ask(std::string_view key, const resp::Commands& commands);
  /// Every key that matches the pattern, each once, by SCAN. `type`: as TYPE says it; empty: any. A cluster's servers
  /// may list keys of slots that they have given away: those are left out.
  std::vector<std::string> keys(const std::string& pattern, const std::string& type);
  /// Messages of the channels that match the pattern come to `heard` in hear(), which throws StoreAway when the
  /// connection is lost: subscribe again. A cluster's servers all have all messages: subscribe at one of them.
  using Heard = std::function<void(const std::string& channel, const std::string& message)>;
  void subscribe(const std::string& pattern, Heard heard);
  void hear(std::chrono::milliseconds time);

 private:
  void connect();
  bool connected() const;
  std::vector<resp::Client*> servers();
  /// Runs the loop until `done`; throws when the patience to connect is over.
  void wait(const std::function<bool()>& done);
  void scan(resp::Client& server, const std::string& pattern, const std::string& type, std::vector<std::string>& found);
  std::vector<resp::Value> exchange(resp::Client& server, const resp::Commands& commands);
  std::vector<std::vector<resp::Value>> ask_server(const std::vector<Question>& questions);
  std::vector<std::vector<resp::Value>> ask_cluster(const std::vector<Question>& questions);
  [[noreturn]] void fail(const std::string& why) const;
  [[noreturn]] void away(const std::string& why) const;

  std::string name_;
  Loop loop_;
  std::string why_down_ = "no answer";
  std::string refused_;
  std::function<void(const resp::Value&)> on_push_;
  std::unique_ptr<resp::Client> client_;
  std::unique_ptr<resp::Cluster> cluster_;
  bool started_ = false;
  bool was_down_ = false;  // since subscribe()
};

}  // namespace microcloud
