// One connection to one Redis server, kept up: commands go out in pipelines, replies come back in their order.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "net/loop.h"
#include "net/stream.h"
#include "net/stream_tls.h"
#include "resp/commands.h"
#include "resp/decoder.h"
#include "resp/outcome.h"
#include "resp/reply_writer.h"
#include "resp/role.h"

namespace microcloud::resp {

/// Where to connect next: calls `found` once, now or later, on the loop's thread; without an endpoint: why there is
/// none.
using Locator = std::function<void(std::function<void(std::optional<Endpoint>, const std::string& why)> found)>;
/// Always there.
Locator located_at(Endpoint endpoint);

struct ClientSettings {
  std::string user = {};      // empty: `default`, where there is a password
  std::string password = {};  // empty: no AUTH
  std::string name = {};      // CLIENT SETNAME, empty: none
  Protocol protocol = Protocol::Resp3;
  std::shared_ptr<const StreamTls> tls = {};  // none: in clear
  bool master_only = false;                   // a server that is none, or none any more, is left
  std::chrono::milliseconds connect_patience{2000};
  std::chrono::milliseconds silence{
      5000};  // commands are out and nothing comes for so long: the connection is given up
  std::chrono::milliseconds first_pause{100};
  std::chrono::milliseconds longest_pause{5000};
  size_t most_unsent = size_t{64} << 20;  // bytes: above it commands are not taken
  DecoderLimits limits = {};
  /// Called before each connection, on the loop's thread: what may have changed since, user, password and tls.
  std::function<void(ClientSettings&)> renew = {};
};

/// What is known of the server since the connection is ready.
struct NodeFacts {
  Endpoint endpoint;
  std::string version;    // 7.0.15
  std::string run_id;     // another one: the server was started anew. Empty: the user has no right to INFO
  int64_t client_id = 0;  // of this connection, for CLIENT KILL ID and CLIENT TRACKING REDIRECT
  Role role;              // as it was then
};

/// Ok: every command was answered, errors among the replies are the sender's to judge (outcome_of). Otherwise the
/// connection broke or the deadline passed, or the server was not there: `replies` holds those that came before. Retry:
/// nothing was applied.
struct Result {
  Outcome outcome = Outcome::Ok;
  std::vector<Value> replies = {};
  std::string why = {};  // empty when Ok
};

struct ClientEvents {
  enum class State : uint8_t { Down, Ready };
  /// When it changes, and when the reason for Down does. Down comes after the results of what was out.
  std::function<void(State, const std::string& why)> state;
  /// Messages that answer nothing: of channels, of invalidated keys. With RESP2 a Push as well.
  std::function<void(const Value&)> push;
};

/// Belongs to one loop. Nothing is sent twice, nothing waits for a server that is not there: what cannot go out now is
/// answered Retry.
class Client {
 public:
  using Done = std::function<void(Result)>;

  Client(Loop& loop, Locator locator, ClientSettings settings, ClientEvents events);
  /// Closes the connection; no function that was given is called any more.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Connects, and again whenever the connection breaks.
  void start();
  /// `done` is called later, never from inside. `deadline`: after it the result is Indeterminate, and replies that come
  /// late are dropped; 0: none.
  void send(Commands commands, Done done, std::chrono::milliseconds deadline = {});
  /// Commands whose answers come as pushes (SUBSCRIBE and its like). The result is there when the server has read them
  /// all; its replies are the errors.
  void subscribe(Commands commands, Done done);
  bool ready() const;
  /// While ready() is true, and inside of events.state(Down).
  const NodeFacts& node() const;
  /// Breaks the connection; it is made anew, at once or after the usual pause.
  void reconnect(const std::string& why);
  /// Bytes that the system has not taken, commands that are not answered.
  size_t unsent() const;
  size_t awaited() const;

  struct Core;

 private:
  std::shared_ptr<Core> core_;
};

}  // namespace microcloud::resp
