// Connections to one peer, one after the other: looks up its addresses, tries each of them, waits longer after each
// failure.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/back_off.h"
#include "net/connection.h"
#include "net/resolution.h"

namespace microcloud {

/// Never blocks. Used by one thread.
class Dialer {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// Begins to connect; may throw std::runtime_error.
  using Connect = std::function<std::unique_ptr<Connection>(const SocketAddress& peer)>;
  Dialer(Target target, int socket_type, Connect connect, BackOff back_off);

  /// To be called often: the open connection, or null while there is none.
  Connection* poll(Time now);
  /// The open connection broke, and everything that can be asked of it has been: lets go of it.
  void drop(Time now);
  /// Why the latest attempt or connection failed; empty: there was none.
  const std::string& why() const { return why_; }

 private:
  void begin(Time now);
  void fail(std::string why, Time now);

  Target target_;
  int socket_type_;
  Connect connect_;
  BackOff back_off_;
  std::optional<Resolution> resolution_;
  std::vector<SocketAddress> addresses_;
  size_t next_address_ = 0;
  std::unique_ptr<Connection> connection_;
  bool open_ = false;
  Time opened_{};
  Time give_up_{};
  Time next_try_{};
  std::string why_;
};

}  // namespace microcloud
