// A connection over TCP, a Unix socket, or TLS: bytes go and come in an event loop.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/cursor.h"
#include "net/loop.h"
#include "net/stream_tls.h"

namespace microcloud {

/// Where a peer listens: a host (name or numeric address) and port, or the path of a Unix socket.
struct Endpoint {
  std::string host;
  uint16_t port = 0;
  std::string path = {};
  auto operator<=>(const Endpoint&) const = default;
  /// `127.0.0.1:6379`, `[::1]:6379` or the path.
  std::string text() const;
};

/// Called on the loop's thread. Each of them may close or destroy the stream.
struct StreamEvents {
  std::function<void()> opened;
  std::function<void(Bytes)> received;                 // the bytes are there during the call only
  std::function<void(const std::string& why)> closed;  // once: could not be opened, the peer went, an error
  std::function<void()> sent;                          // all that was given to send() has left; may be empty
};

class Stream {
 public:
  explicit Stream(Loop& loop);
  /// Closes.
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// Once. `tls`: encrypted when there is one. Closed when it is not open within `patience`.
  void connect(const Endpoint& peer, std::shared_ptr<const StreamTls> tls, std::chrono::milliseconds patience,
               StreamEvents events);
  /// Once, for a stream that came from an acceptor.
  void accept(std::shared_ptr<const StreamTls> tls, std::chrono::milliseconds patience, StreamEvents events);

  /// Appends to what goes out. Bounds are the caller's: unsent().
  void send(std::string bytes);
  /// Bytes given to send() that the system has not taken yet.
  size_t unsent() const;
  /// Since the stream was opened: bytes given to send(), and those of them of which the peer may have got some.
  uint64_t given() const;
  uint64_t handed() const;
  /// False: nothing is received until it is true again.
  void read(bool on);
  /// Ends the connection; no event comes any more.
  void close();
  /// Closes when all is sent, or after a second; nothing is received any more.
  void close_when_sent();
  /// The other end's address, when it is open.
  const std::string& peer() const;
  /// This end's address, of a stream that came from an acceptor.
  const std::string& local() const;

  struct Core;
  Core& core() { return *core_; }

 private:
  std::shared_ptr<Core> core_;
};

}  // namespace microcloud
