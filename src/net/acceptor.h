// Waits for connections over TCP, in an event loop.
#pragma once

#include <functional>
#include <memory>

#include "base/counter.h"
#include "net/http_listener.h"
#include "net/stream.h"

namespace microcloud {

class Acceptor {
 public:
  /// Called on the loop's thread; the stream wants its accept().
  using Accepted = std::function<void(std::unique_ptr<Stream>)>;
  /// Binds. Throws std::runtime_error, one sentence. `ports_to_try`: this one, the next one, ...
  Acceptor(Loop& loop, const ListenAddress& address, unsigned ports_to_try, Accepted accepted);
  /// Connections that were accepted live on.
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  uint16_t port() const;
  /// Times that a connection could not be taken: no descriptors were left, say. Read by any thread.
  const Counter& failures() const;

 private:
  struct Core;
  std::shared_ptr<Core> core_;
};

}  // namespace microcloud
