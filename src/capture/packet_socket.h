// A packet socket (man 7 packet) on one interface.
#pragma once

#include <cstdint>
#include <span>

#include "capture/interface.h"

struct sock_filter;

namespace microcloud {

/// Takes nothing until start(). Setting up throws std::runtime_error, one sentence.
class PacketSocket {
 public:
  explicit PacketSocket(const Interface& interface);
  ~PacketSocket();
  PacketSocket(const PacketSocket&) = delete;
  PacketSocket& operator=(const PacketSocket&) = delete;

  int fd() const { return fd_; }
  template <typename Value>
  void set(int option, const Value& value, const char* what) {
    set_bytes(option, &value, sizeof value, what);
  }

  /// Binds to the interface, with a filter that refuses every frame.
  void bind();
  void be_promiscuous();
  /// Opens a fanout group that uses `program`; its id, which is free in this network namespace.
  uint16_t found_group(std::span<const sock_filter> program);
  void join_group(uint16_t id);
  /// From now on takes what `program` takes; everything when it is empty.
  void start(std::span<const sock_filter> program);
  /// From now on nothing comes to it. False: the system has refused to do that.
  bool refuse_all();

  /// Frames since the last call: all that passed the filter, and those of them dropped because the ring was full. Any
  /// thread.
  struct Statistics {
    uint32_t offered = 0;
    uint32_t dropped = 0;
  };
  Statistics take_statistics() const;
  /// The interface went down since the last call; it may come back.
  bool take_down() const;
  /// The interface exists no more.
  bool removed() const;

 private:
  void set_bytes(int option, const void* value, size_t size, const char* what);
  void attach(std::span<const sock_filter> program);
  [[noreturn]] void fail(const char* what) const;

  const Interface interface_;
  int fd_;
};

}  // namespace microcloud
