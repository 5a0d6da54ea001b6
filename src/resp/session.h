// One client of the server.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <thread>

#include "net/acceptor.h"
#include "resp/server.h"

namespace microcloud::resp {

struct Server::Core : std::enable_shared_from_this<Server::Core> {
  Core(Loop& its_loop, ServerSettings its_settings, Handler its_handler)
      : loop(its_loop), settings(std::move(its_settings)), handler(std::move(its_handler)) {}
  void came(std::unique_ptr<Stream> stream);
  void refuse(std::unique_ptr<Stream> stream);
  void gone(uint64_t id);
  void count_subscriptions() { counts.subscriptions.set(channels.size() + patterns.size()); }

  Loop& loop;
  ServerSettings settings;
  Handler handler;
  ServerCounts counts;
  std::unique_ptr<Acceptor> acceptor;
  std::map<uint64_t, std::shared_ptr<Session>> sessions;
  std::map<uint64_t, std::unique_ptr<Stream>> refused;  // get their error still
  std::map<std::string, std::set<Session*>, std::less<>> channels;
  std::map<std::string, std::set<Session*>, std::less<>> patterns;
  uint64_t next_id = 1;
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Server::Core& server, uint64_t id, std::unique_ptr<Stream> stream);
  void start();
  /// Any thread.
  void complete(uint64_t number, std::string bytes);
  /// The server goes, or the connection.
  void leave();
  void push(std::string bytes);
  Protocol protocol() const { return protocol_; }
  const std::string& user() const { return user_; }

 private:
  using Subscribers = std::map<std::string, std::set<Session*>, std::less<>>;
  void received(Bytes bytes);
  void process();
  void dispatch(const CommandView& command);
  /// False: it is not one of the session's own.
  bool own_command(const CommandView& command, ReplyWriter reply);
  void hello(const CommandView& command, ReplyWriter reply);
  void auth(const CommandView& command, ReplyWriter reply);
  bool authenticated(std::string_view user, std::string_view password, ReplyWriter reply);
  void client(const CommandView& command, ReplyWriter reply);
  void ping(const CommandView& command, ReplyWriter reply);
  void subscribe(const CommandView& command, ReplyWriter reply, bool patterns);
  void unsubscribe(const CommandView& command, ReplyWriter reply, bool patterns);
  void confirm(ReplyWriter reply, std::string_view kind, std::string_view channel);
  void forget(Subscribers& all, std::set<std::string, std::less<>>& mine);
  void reset();
  bool allowed_while_subscribed(std::string_view name) const;
  void finish(uint64_t number, std::string bytes);
  void flush();
  void disconnect(Counter& counter);

  struct Slot {
    std::string bytes;
    bool ready = false;
  };
  Server::Core* server_;  // nullptr: it has gone
  Loop& loop_;
  const std::thread::id thread_ = std::this_thread::get_id();
  uint64_t id_;
  std::unique_ptr<Stream> stream_;
  CommandDecoder decoder_;
  std::deque<Slot> slots_;  // of commands that are not answered, or wait for earlier ones
  uint64_t first_ = 0;      // number of the first of them
  size_t held_ = 0;         // bytes of those that are ready
  std::string out_;
  bool processing_ = false;
  bool ending_ = false;  // nothing more is read; closed when all is sent
  bool is_authenticated_;
  Protocol protocol_ = Protocol::Resp2;
  std::string user_ = "default";
  std::string name_;
  std::set<std::string, std::less<>> channels_;
  std::set<std::string, std::less<>> patterns_;
};

}  // namespace microcloud::resp
