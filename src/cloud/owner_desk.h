// The synchronous channel's questions and news, and what its ways to the servers share: whose question becomes which
// keys, and what the replies say.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/counter.h"
#include "cloud/breaker.h"
#include "cloud/key_names.h"
#include "resp/client.h"
#include "resp/commands.h"
#include "resp/url.h"

namespace microcloud {

struct ChannelSettings {
  resp::Url url;  // a node, the sentinels that know it, or some nodes of a cluster
  resp::ClientSettings client;
  std::string realm;
  std::vector<std::string> watched = {};  // trees whose changes are told beside those of identities: "tns.redir."
  std::chrono::milliseconds deadline{20};
  Breaker::Settings breaker;
};

/// Whose is it? `key` is what the answer is kept under: identity.<address>, identity.<mac>, or of delegated prefixes
/// identity.<network>/64, which stands for all that hold the network. Or, of a Hash: what does it hold?
struct OwnerQuestion {
  enum class Kind : uint8_t { Address, Networks, Mac, Hash };
  Kind kind;
  std::string key;
  IpAddress network;  // of Networks
  uint32_t ticket;
};

/// One of a cluster's servers, as long as it is known.
using OwnerServer = uint32_t;
inline constexpr OwnerServer kEveryServer = 0;

/// Names and values, as the server gives them.
using HashFields = std::vector<std::pair<std::string, std::string>>;

/// What the channel says, in the order in which each server did.
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
  bool of_hash = false;  // then there is no user:
  HashFields fields = {};
  int64_t lives_ms = -1;              // of the key; -1: for ever
  bool tracked = true;                // false: changes are not told
  OwnerServer server = kEveryServer;  // AllChanged: what came from it; Answer: who will tell of changes
};

/// Any thread.
struct ChannelCounts {
  Counter late;      // questions that had no answer in time
  Counter refused;   // that the server answered with an error
  Counter opened;    // how often the breaker did
  Counter connects;  // connections made
};

/// What one key says.
struct KeyAnswer {
  bool answered = false;
  std::string user = {};  // empty: nobody
  HashFields fields = {};
  int64_t lives_ms = -1;
  bool tracked = true;
  OwnerServer server = kEveryServer;
};

/// On the loop's thread, but for what is atomic or a counter.
class OwnerDesk {
 public:
  using Tell = std::function<void(std::vector<OwnerNews>)>;
  OwnerDesk(ChannelSettings its_settings, Tell its_tell);

  /// How many, and which: the longest prefix first.
  static size_t keys(const OwnerQuestion& question);
  std::vector<std::string> keys_of(const OwnerQuestion& question);
  /// What is asked of each key: two commands.
  static void add_commands(resp::Commands& commands, const OwnerQuestion& question, const std::string& key);
  /// The replies to them, or an error in the first one's place.
  KeyAnswer read(const OwnerQuestion& question, const resp::Value& said, const resp::Value* lives);
  /// `keys`: what those of keys_of() say.
  static OwnerNews conclude(const OwnerQuestion& question, std::span<KeyAnswer> keys);
  /// A push of a server: which keys have changed.
  void heed(const resp::Value& push, OwnerServer from);
  void tell_all_changed(OwnerServer from) { tell({{.kind = OwnerNews::Kind::AllChanged, .server = from}}); }
  /// Once, in the log.
  void say_untracked();

  const ChannelSettings settings;
  const Tell tell;
  ChannelCounts counts;
  std::atomic<bool> answers{false};     // whether it makes sense to ask now
  std::atomic<bool> all_answer{false};  // whatever is asked

 private:
  KeyNames names_;
  bool told_untracked_ = false;
  bool told_refused_ = false;
};

/// How questions get to the servers (owner_node_way.h, owner_cluster_way.h).
class OwnerWay {
 public:
  virtual ~OwnerWay() = default;
  virtual void start() = 0;
  virtual void ask(std::vector<OwnerQuestion> questions) = 0;
};

}  // namespace microcloud
