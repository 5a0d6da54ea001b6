// The server side of the Redis protocol: who connects sends commands, a handler answers them, now or later.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <span>
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
  /// Whose command it was: a number of the connection's own.
  uint64_t client() const;
  /// On the loop's thread. False: the client has gone, nobody waits for the answer.
  bool is_wanted() const;

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
  // Bytes for a client that does not read: above them it is disconnected; messages of channels, and all together.
  size_t most_unsent = size_t{32} << 20;
  size_t most_unheard = size_t{32} << 20;
  // Commands of a client that are not answered, and their bytes: the next one is not read before.
  size_t most_unanswered = 1024;
  size_t most_asked = size_t{1} << 20;
  // Bytes of all clients together, commands and answers: above them the one that has most is disconnected.
  size_t most_memory = size_t{512} << 20;
  size_t most_subscriptions = 16'384;  // different channels and patterns
  // A client that has not shown its password for so long gives its place to the next one when all are taken.
  std::chrono::milliseconds strangers_stay{5'000};
  CommandLimits limits = {};
  /// Whether the handler knows a command; empty: it may know any.
  std::function<bool(std::string_view name)> knows = {};
  /// Empty: nobody is asked for a password, and all are the user `default`.
  std::function<bool(std::string_view user, std::string_view password)> authenticate = {};
  /// Whether a user may subscribe to a channel, or to all that match a pattern; empty: all may.
  std::function<bool(std::string_view user, std::string_view channel, bool is_pattern)> may_subscribe = {};
};

/// Written by the loop's thread, read by any.
struct ServerCounts {
  Counter clients;     // now
  Counter accepted;    // connections
  Counter refused;     // there were too many
  Counter displaced;   // strangers who gave their place to another client
  Counter overflowed;  // disconnected, as they did not read
  Counter evicted;     // disconnected, as all together took too much memory and they most of it
  Counter malformed;   // disconnected, as they sent no Redis protocol
  Counter commands;
  Counter subscriptions;  // channels and patterns that somebody has subscribed to now
  Counter memory;         // bytes of all clients now: commands, answers, names of subscriptions
};

/// HELLO, AUTH, CLIENT HELP/ID/INFO/GETNAME/SETNAME/SETINFO, PING, ECHO, SELECT 0, RESET, QUIT and subscriptions are
/// answered here, all else by the handler.
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
  /// Connections that the system did not give. Read by any thread.
  const Counter& not_accepted() const;
  /// On the loop's thread: to all that have subscribed to the channel, or to a pattern that it matches. How many got
  /// it.
  size_t publish(std::string_view channel, std::string_view message);
  /// On the loop's thread: of the connections that come from now on.
  void use_tls(std::shared_ptr<const StreamTls> tls);
  /// On the loop's thread: those who have shown the password of one of these users.
  void disconnect(const std::function<bool(std::string_view user)>& whom);

  struct Core;

 private:
  std::shared_ptr<Core> core_;
};

/// In Redis' words.
void write_unknown_command(ReplyWriter reply, const CommandView& command);
void write_wrong_arity(ReplyWriter reply, std::string_view name);
void write_unknown_subcommand(ReplyWriter reply, const CommandView& command);
/// What a command's HELP tells: each subcommand, and below it what it does; HELP itself is added.
void write_help(ReplyWriter reply, std::string_view name, std::span<const std::string_view> lines);
/// `client|id`.
std::string with_subcommand(const CommandView& command);
/// Without regard to case.
bool is_command(std::string_view name, std::string_view upper);

}  // namespace microcloud::resp
