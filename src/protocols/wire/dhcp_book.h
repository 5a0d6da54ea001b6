// DHCP requests of a run that may yet be answered, whichever flow brings the answer: a client that has no address asks
// all, and is answered in another flow than it asked in.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/address.h"
#include "base/hash.h"
#include "inspect/shared.h"
#include "record/transaction.h"

namespace microcloud {

/// What a request and its answers have in common.
struct DhcpExchange {
  uint32_t transaction = 0;
  bool discovers = false;        // for IPv4 a discover and the request behind it have the same xid
  IpAddress relay = {};          // between which and the server they go; none: between client and server or relay
  std::string_view client = {};  // octets or text that name it; empty: nothing does, and nobody can tell its answers
};

/// Any thread. Times are those of packets, in microseconds since 1970.
class DhcpBook final : public Shared::Book {
 public:
  static constexpr size_t kMost = 8'192;  // the oldest are forgotten
  static constexpr size_t kMostServers = 4;
  static constexpr int64_t kLongestUs = 30'000'000;  // who waits longer has given up

  /// A transmission of a request: those before it count no more.
  void asked(const DhcpExchange& exchange, int64_t now_us) {
    if (exchange.client.empty()) return;
    std::string key = key_of(exchange);
    const std::lock_guard lock(mutex_);
    while (!by_age_.empty() && (by_age_.size() >= kMost || by_age_.front().sent_us + kLongestUs < now_us)) {
      requests_.erase(by_age_.front().key);
      by_age_.pop_front();
    }
    if (const auto known = requests_.find(key); known != requests_.end()) {
      by_age_.erase(known->second);
      requests_.erase(known);
    }
    by_age_.push_back({std::move(key), now_us, {}});
    requests_.emplace(by_age_.back().key, std::prev(by_age_.end()));
  }

  /// How long after the request's last transmission this answer came. Nothing: the request is not known, or this server
  /// has answered it. Several servers may, as all are asked.
  std::optional<uint32_t> answered(const DhcpExchange& exchange, const IpAddress& server, int64_t now_us) {
    if (exchange.client.empty()) return std::nullopt;
    const std::lock_guard lock(mutex_);
    const auto known = requests_.find(key_of(exchange));
    if (known == requests_.end()) return std::nullopt;
    Request& request = *known->second;
    if (now_us < request.sent_us || now_us - request.sent_us > kLongestUs) return std::nullopt;
    std::vector<IpAddress>& servers = request.servers;
    if (servers.size() == kMostServers || std::find(servers.begin(), servers.end(), server) != servers.end())
      return std::nullopt;
    servers.push_back(server);
    return latency_us(request.sent_us, now_us);
  }

  size_t size() const {
    const std::lock_guard lock(mutex_);
    return by_age_.size();
  }

  void on_time(int64_t, RecordSink&) override {}
  void on_end(int64_t, RecordSink&) override {}

 private:
  struct Request {
    std::string key;
    int64_t sent_us;
    std::vector<IpAddress> servers;  // that have answered
  };
  struct TextHash {
    HashSeed seed;
    size_t operator()(std::string_view text) const { return static_cast<size_t>(hash_text(seed, text)); }
  };

  static std::string key_of(const DhcpExchange& exchange) {
    std::string key;
    for (unsigned shift = 0; shift < 32; shift += 8) key += static_cast<char>(exchange.transaction >> shift & 0xffU);
    key += exchange.discovers ? 'd' : 'r';
    key += static_cast<char>(exchange.relay.version);
    key.append(exchange.relay.bytes.begin(), exchange.relay.bytes.end());
    key += exchange.client;
    return key;
  }

  mutable std::mutex mutex_;
  std::list<Request> by_age_;  // the one that was sent longest ago first
  std::unordered_map<std::string_view, std::list<Request>::iterator, TextHash> requests_{
      // by their keys there
      0, TextHash{HashSeed::random()}};
};

}  // namespace microcloud
