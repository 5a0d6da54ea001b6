// A connection to one peer that never blocks: TCP, TLS over it, or an SCTP association.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace microcloud {

/// Used by one thread. We send; what a peer says is read and thrown away.
class Connection {
 public:
  Connection() = default;
  virtual ~Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  enum class State : uint8_t { Opening, Open, Broken };
  /// Goes on with connecting, and notices that the peer is gone.
  virtual State poll() = 0;
  /// Takes up to `size` octets (SCTP: the message whole, or nothing); 0: none now. What was refused is offered again,
  /// unchanged, before anything else. A break shows in the next poll().
  virtual size_t write(const char* bytes, size_t size) = 0;

  /// Places in all that was put on the way since it opened, in octets of the way itself (with TLS more than were given
  /// to write()): what the system was given; what of it has been sent at least once; what of it the peer's system has
  /// acknowledged. They can be asked for after a break too.
  struct Way {
    uint64_t departed = 0;
    uint64_t acknowledged = 0;
  };
  virtual uint64_t written() const = 0;
  virtual Way way() const = 0;

  /// No more will be written; that the peer has read all shows as Broken.
  virtual void close_writing() = 0;
  /// What has not been acknowledged is not sent any more, even after this object has gone.
  virtual void abort() = 0;
  /// Why it broke: the end of a sentence.
  virtual std::string why() const = 0;
  /// Broken, but as it should be: the peer has read everything, and closed.
  virtual bool closed_in_order() const = 0;
};

}  // namespace microcloud
