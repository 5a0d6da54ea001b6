// A server of a few commands and a network that breaks at any byte, for tests of the lane. That real servers behave so
// is held by the system tests.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <random>
#include <set>

#include "cloud/lane.h"
#include "cloud/scripts.h"
#include "resp/command_decoder.h"

namespace microcloud::cloud_test {

using resp::Value;

inline Value simple(std::string_view text) {
  Value value;
  value.type = resp::Type::Simple;
  value.text = text;
  return value;
}
inline Value bulk(std::string_view text) {
  Value value = simple(text);
  value.type = resp::Type::Bulk;
  return value;
}
inline Value number(int64_t integer) {
  Value value;
  value.type = resp::Type::Integer;
  value.integer = integer;
  return value;
}
inline Value array(std::vector<Value> elements) {
  Value value;
  value.type = resp::Type::Array;
  value.elements = std::move(elements);
  return value;
}

struct Database {
  std::map<std::string, std::string> texts;
  std::map<std::string, std::map<std::string, int64_t>> hashes;
};

class Server {
 public:
  Database data;
  bool out_of_memory = false;
  std::set<std::string> denied;  // commands
  std::set<std::string> denied_at_exec;
  std::set<std::string> wrong_type;  // keys
  std::vector<int64_t> replicas;     // what each has acknowledged
  int64_t offset = 0;
  std::set<std::string> expires;  // keys given a time to live

  struct Connection {
    resp::CommandDecoder decoder;
    bool in_multi = false, failed = false, dirty = false;
    std::set<std::string> watched;
    std::vector<std::vector<std::string>> queued;
  };

  /// What came over a connection; gives the replies.
  std::vector<Value> take(unsigned connection, std::string_view bytes) {
    Connection& of = connections_[connection];
    of.decoder.feed(bytes);
    std::vector<Value> replies;
    resp::CommandView view;
    while (of.decoder.next(view) == resp::Progress::Done) replies.push_back(command(of, {view.begin(), view.end()}));
    return replies;
  }
  void restart() { connections_.clear(); }

 private:
  using Words = std::vector<std::string>;

  Value command(Connection& of, const Words& words) {
    const std::string& name = words[0];
    if (denied.contains(name)) return refuse(of, "NOPERM no right to " + name);
    if (name == "WATCH" && !of.in_multi) {
      of.watched.insert(words[1]);
      return simple("OK");
    }
    if (name == "MULTI" && !of.in_multi) {
      of.in_multi = true;
      return simple("OK");
    }
    if (name == "WATCH" || name == "MULTI") return Value::of_error("ERR not inside of MULTI");
    if (name == "EXEC" || name == "DISCARD") return end(of, name == "EXEC");
    const bool takes_memory = name != "EVAL" && name != "ROLE" && name != "EXPIRE";
    if (out_of_memory && takes_memory) return refuse(of, "OOM command not allowed");
    if (!of.in_multi) return run(words);
    of.queued.push_back(words);
    return simple("QUEUED");
  }

  static Value refuse(Connection& of, const std::string& why) {
    of.failed = of.failed || of.in_multi;
    return Value::of_error(why);
  }

  Value end(Connection& of, bool runs) {
    if (!of.in_multi) return Value::of_error("ERR without MULTI");
    const bool failed = of.failed, dirty = of.dirty;
    const std::vector<Words> queued = std::move(of.queued);
    of.queued.clear();
    of.in_multi = of.failed = of.dirty = false;
    of.watched.clear();
    if (!runs) return simple("OK");
    if (failed) return Value::of_error("EXECABORT Transaction discarded because of previous errors.");
    if (dirty) return {};
    std::vector<Value> results;
    for (const Words& words : queued) {
      const bool refused = denied_at_exec.contains(words[0]);
      results.push_back(refused ? Value::of_error("NOPERM no right to " + words[0]) : run(words));
    }
    return array(std::move(results));
  }

  void write(const std::string& key, const std::string& value) {
    data.texts[key] = value;
    offset += 10;
    for (auto& [id, one] : connections_) one.dirty = one.dirty || one.watched.contains(key);
  }

  Value run(const Words& words) {
    const std::string& name = words[0];
    if (name == "ROLE") {
      std::vector<Value> list;
      for (const int64_t has : replicas)
        list.push_back(array({bulk("127.0.0.1"), bulk("1"), bulk(std::to_string(has))}));
      return array({bulk("master"), number(offset), array(std::move(list))});
    }
    if (name == "EVAL") return script(words);
    if (name == "SET") {
      const auto old = data.texts.find(words[1]);
      const Value before = old == data.texts.end() ? Value{} : bulk(old->second);
      write(words[1], words[2]);
      return before;
    }
    if (name == "EXPIRE") {
      expires.insert(words[1]);
      return number(1);
    }
    if (wrong_type.contains(words[1]))
      return Value::of_error("WRONGTYPE Operation against a key holding the wrong kind of value");
    if (name == "HINCRBY") {
      int64_t& value = data.hashes[words[1]][words[2]];
      int64_t sum = 0;
      if (__builtin_add_overflow(value, std::stoll(words[3]), &sum))
        return Value::of_error("ERR increment or decrement would overflow");
      offset += 10;
      return number(value = sum);
    }
    if (name == "HSETNX") return number(data.hashes[words[1]].try_emplace(words[2], std::stoll(words[3])).second);
    if (name == "HSET") {
      return number(data.hashes[words[1]].insert_or_assign(words[2], std::stoll(words[3])).second);
    }
    if (name == "ZINCRBY") {
      offset += 10;
      return bulk(std::to_string(data.hashes[words[1]][words[3]] += std::stoll(words[2])));
    }
    return Value::of_error("ERR unknown command");
  }

  /// As kEarliestScript and kTimesScript do.
  Value times(const Words& words) {
    std::map<std::string, int64_t>& fields = data.hashes[words[3]];
    const auto first = fields.find("firstSeen"), last = fields.find("lastSeen");
    if (words[1] == kEarliestScript) {
      const int64_t value = std::stoll(words[5]);
      if (first == fields.end() || first->second > value) fields["firstSeen"] = value;
      return {};
    }
    if (fields.empty()) return data.hashes.erase(words[3]), Value{};
    const int64_t own = std::stoll(words[5]), own_last = std::stoll(words[6]);
    if (first == fields.end() || first->second > own || (!words[7].empty() && first->second == std::stoll(words[7])))
      fields["firstSeen"] = own;
    if (last == fields.end() || last->second < own_last || (!words[8].empty() && last->second == std::stoll(words[8])))
      fields["lastSeen"] = own_last;
    expires.insert(words[3]);
    return bulk(std::to_string(fields["firstSeen"]));
  }

  Value script(const Words& words) {
    if (words[1] == "return 1") return number(1);
    if (words[1] == kEarliestScript || words[1] == kTimesScript) return times(words);
    const auto found = data.texts.find(words[3]);
    std::string value = found == data.texts.end() ? "0" : found->second;
    const bool is_guard = words.size() == 5;
    if (is_guard && value != words[4]) write(words[3], value);
    if (!is_guard && value == words[4]) write(words[3], value = words[5]);
    return bulk(value);
  }

  std::map<unsigned, Connection> connections_;
};

/// A lane's way to the server: bytes wait on it until they are moved.
class Network final : public LaneLink {
 public:
  explicit Network(Server& server) : server_(server) {}

  void send(resp::Commands commands, Done done) override {
    requests_.push_back({commands.count(), std::move(done), {}});
    bytes_ += commands.bytes();
  }
  void reconnect(const std::string&) override { ++reconnects; }

  /// Moves some bytes to the server, and some replies back.
  void move(size_t bytes, size_t replies) {
    const std::string part = bytes_.substr(0, bytes);
    bytes_.erase(0, bytes);
    for (Value& reply : server_.take(connection_, part)) replies_.push_back(std::move(reply));
    for (; replies > 0 && !replies_.empty(); --replies) {
      Request& request = requests_.front();
      request.replies.push_back(std::move(replies_.front()));
      replies_.pop_front();
      if (request.replies.size() < request.expected) continue;
      Request done = std::move(request);
      requests_.pop_front();
      done.done(resp::Outcome::Ok, std::move(done.replies));
    }
  }
  void move_all() {
    while (!bytes_.empty() || !replies_.empty()) move(bytes_.size(), SIZE_MAX);
  }
  /// Cuts the connection. `hold`: what is on the way arrives later, by deliver_late().
  void cut(Lane& lane, bool hold) {
    if (hold) late_.emplace_back(connection_, bytes_);
    bytes_.clear();
    replies_.clear();
    ++connection_;
    for (std::deque<Request> broken = std::exchange(requests_, {}); Request & request : broken)
      request.done(resp::Outcome::Indeterminate, std::move(request.replies));
    lane.down();
  }
  void deliver_late() {
    for (const auto& [connection, bytes] : std::exchange(late_, {})) server_.take(connection, bytes);
  }
  /// The server was started anew: what was on the way to the old one arrives nowhere.
  void drop_late() { late_.clear(); }
  unsigned reconnects = 0;

 private:
  struct Request {
    size_t expected;
    Done done;
    std::vector<Value> replies;
  };
  Server& server_;
  unsigned connection_ = 1;
  std::string bytes_;
  std::deque<Value> replies_;
  std::deque<Request> requests_;
  std::vector<std::pair<unsigned, std::string>> late_;
};

/// Increments of a few counters, and their truth.
class Counters final : public PieceSource {
 public:
  std::map<std::string, std::map<std::string, int64_t>> truth;
  uint64_t increments = 0;
  MergeBuffer buffer{size_t{1} << 20, HashSeed{}};
  size_t work = 4;  // of one piece: so many keys

  void add(const std::string& key, uint64_t amount) {
    buffer.at(key).add("n", amount);
    truth[key]["n"] += static_cast<int64_t>(amount);
    ++increments;
  }
  size_t waiting() override { return buffer.ready(); }
  std::optional<Piece> cut() override { return cut_piece(buffer, {.work = work}); }
};

struct LaneBed {
  Server server;
  Network network{server};
  Counters counters;
  Lane lane;
  int64_t now_ms = 1'000;

  explicit LaneBed(LaneSettings settings = {.ledger = "mc.led.test"}) : lane(std::move(settings), counters, network) {}
  void run(int64_t ms) {
    for (const int64_t end = now_ms + ms; now_ms < end; now_ms += 5) {
      lane.tick(now_ms);
      network.move_all();
    }
  }
};

}  // namespace microcloud::cloud_test
