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
  /// True: a stranger's place is free now.
  bool displace_stranger();
  /// Disconnects those that have most until all together have no more than they may.
  void relieve();
  void subscriptions_changed() {
    counts.subscriptions.set(channels.size() + patterns.size());
    audiences.clear();
  }

  /// Who gets the messages of a channel; by which pattern, empty: by its name.
  struct Listener {
    std::shared_ptr<Session> session;
    std::string pattern;
  };
  using Audience = std::shared_ptr<const std::vector<Listener>>;
  Audience audience(std::string_view channel);

  Loop& loop;
  ServerSettings settings;
  Handler handler;
  ServerCounts counts;
  std::unique_ptr<Acceptor> acceptor;
  std::map<uint64_t, std::shared_ptr<Session>> sessions;
  std::map<uint64_t, std::unique_ptr<Stream>> refused;  // get their error still
  std::map<std::string, std::set<Session*>, std::less<>> channels;
  std::map<std::string, std::set<Session*>, std::less<>> patterns;
  std::map<std::string, Audience, std::less<>> audiences;  // of channels that messages went to lately
  size_t memory = 0;                                       // of all sessions
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
  uint64_t id() const { return id_; }
  bool is_here() const { return server_ != nullptr; }
  bool is_authenticated() const { return is_authenticated_; }
  std::chrono::steady_clock::time_point since() const { return since_; }
  /// What it takes, as of when that was last looked at.
  size_t weight() const { return weight_; }
  /// Another one's weight is too much: this one goes.
  void evict() { disconnect(server_->counts.evicted); }

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
  std::string about() const;
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
  bool may_ask() const;
  /// May disconnect anybody, this one too.
  void weigh();

  struct Slot {
    std::string bytes;
    bool ready = false;
    size_t asked = 0;  // bytes of the command, while it is not answered
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
  size_t asked_ = 0;        // bytes of those that are not
  size_t subscribed_ = 0;   // bytes of names
  size_t weight_ = 0;
  std::string out_;
  bool processing_ = false;
  bool ending_ = false;  // nothing more is read; closed when all is sent
  bool is_authenticated_;
  const std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
  Protocol protocol_ = Protocol::Resp2;
  std::string user_ = "default";
  std::string name_;
  std::set<std::string, std::less<>> channels_;
  std::set<std::string, std::less<>> patterns_;
};

}  // namespace microcloud::resp
