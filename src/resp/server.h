// The server side of the Redis protocol: who connects sends commands, a handler answers them, now or later.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/counter.h"
#include "net/http_listener.h"
#include "net/loop.h"
#include "net/stream_tls.h"
#include "resp/command_decoder.h"
#include "resp/reply_writer.h"

namespace microcloud::resp {

class Session;

/// The answer to one command. Answers leave in the order of the commands, whenever they are given; one that is dropped
/// is an error to the client. Used by one thread at a time, any; it
/// must go before the loop does.
class Reply {
 public:
  Reply(std::shared_ptr<Session> session, uint64_t number);
  ~Reply();
  Reply(Reply&&) noexcept = default;
  Reply& operator=(Reply&&) noexcept = default;

  ReplyWriter writer() { return {bytes_, protocol_}; }
  Protocol protocol() const { return protocol_; }
  /// Whose command it was (AUTH); `default` where nobody asks.
  const std::string& user() const { return user_; }
  /// Once.
  void send();

 private:
  std::shared_ptr<Session> session_;
  uint64_t number_ = 0;
  Protocol protocol_ = Protocol::Resp2;
  std::string user_;
  std::string bytes_;
};

struct ServerSettings {
  ListenAddress address = {};
  unsigned ports_to_try = 1;
  std::shared_ptr<const StreamTls> tls = {};
  std::string version = "7.0.0";  // of Redis, as HELLO tells it
  size_t most_clients = 1000;
  size_t most_unsent = size_t{32} << 20;  // bytes for a client that does not read: above it, it is disconnected
  size_t most_unanswered = 1024;          // commands of a client; the next one is not read before
  CommandLimits limits = {};
  /// Empty: nobody is asked for a password.
  std::function<bool(std::string_view user, std::string_view password)> authenticate = {};
  /// Whether a user may subscribe to a channel or pattern; empty: all may.
  std::function<bool(std::string_view user, std::string_view channel)> may_subscribe = {};
};

/// Written by the loop's thread, read by any.
struct ServerCounts {
  Counter clients;     // now
  Counter accepted;    // connections
  Counter refused;     // there were too many
  Counter overflowed;  // disconnected, as they did not read
  Counter malformed;   // disconnected, as they sent no Redis protocol
  Counter commands;
  Counter subscriptions;  // channels and patterns that somebody has subscribed to now
};

/// HELLO, AUTH, CLIENT ID/SETNAME/GETNAME/SETINFO, PING, ECHO, SELECT 0, RESET, QUIT and subscriptions are answered
/// here, all else by the handler.
class Server {
 public:
  /// On the loop's thread; the views are there during the call only, the name is as the client wrote it.
  using Handler = std::function<void(const CommandView&, Reply)>;
  /// Binds. Throws std::runtime_error, one sentence.
  Server(Loop& loop, ServerSettings settings, Handler handler);
  /// On the loop's thread, or when it runs no more: all connections are closed.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  uint16_t port() const;
  const ServerCounts& counts() const;
  /// On the loop's thread: to all that have subscribed to the channel, or to a pattern that it matches. How many got
  /// it.
  size_t publish(std::string_view channel, std::string_view message);

  struct Core;

 private:
  std::shared_ptr<Core> core_;
};

/// In Redis' words.
void write_unknown_command(ReplyWriter reply, const CommandView& command);
void write_wrong_arity(ReplyWriter reply, std::string_view name);
/// Without regard to case.
bool is_command(std::string_view name, std::string_view upper);

}  // namespace microcloud::resp
