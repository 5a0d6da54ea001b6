// A TCP connection that never blocks.
#pragma once

#include "net/connection.h"
#include "net/target.h"

namespace microcloud {

class TcpConnection final : public Connection {
 public:
  /// Begins to connect. Throws std::runtime_error when there is no socket to be had.
  explicit TcpConnection(const SocketAddress& peer);
  ~TcpConnection() override;

  State poll() override;
  size_t write(const char* bytes, size_t size) override;
  uint64_t written() const override { return written_; }
  Way way() const override;
  void close_writing() override;
  void abort() override;
  std::string why() const override { return why_; }
  bool closed_in_order() const override { return in_order_; }

  /// For what stands on it: poll() without reading, and what the peer sent; 0: nothing now, or broken.
  State look();
  size_t read(char* bytes, size_t size);

 private:
  void break_off(std::string why);
  bool silent() const;

  int descriptor_;
  State state_ = State::Opening;
  uint64_t written_ = 0;
  bool in_order_ = false;
  std::string why_;
};

}  // namespace microcloud
