// A client's inside: the life of its connections.
#pragma once

#include "net/back_off.h"
#include "resp/pipeline.h"

namespace microcloud::resp {

struct Client::Core : std::enable_shared_from_this<Client::Core> {
  Core(Loop& its_loop, Locator its_locator, ClientSettings its_settings, ClientEvents its_events);

  void locate();
  void connect(const Endpoint& endpoint);
  void opened();
  void greeted(Result result);
  void learned(Result result);
  void become_ready();
  void received(Bytes bytes);
  void closed(const std::string& why);
  /// False: the connection is gone.
  bool handle(Value value);
  void fail(const std::string& why);
  void tell_down(const std::string& why);
  void send(Commands commands, Request request);
  void answer_later(Done done, Outcome outcome, const char* why);
  void watch_silence();
  void watch_deadlines();
  void close();

  Loop& loop;
  Locator locator;
  ClientSettings settings;
  ClientEvents events;
  std::unique_ptr<Stream> stream;
  Decoder decoder;
  Pipeline pipeline;
  NodeFacts facts;
  BackOff back_off;
  Timer pause;
  Timer silence;
  Timer deadlines;
  SteadyTime deadline_watched = SteadyTime::max();
  SteadyTime heard{};
  uint64_t attempt = 0;  // what belongs to an older one does not count any more
  std::string told;      // the last reason for Down
  bool is_ready = false;
  bool is_closed = false;
  bool is_mute = false;     // connected, and has not said anything yet
  bool subscribed = false;  // RESP2: messages come as arrays
};

}  // namespace microcloud::resp
