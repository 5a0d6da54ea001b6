// A stream's inside: its socket, what goes out and in.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "net/loop_native.h"
#include "net/stream.h"

namespace microcloud {

struct StreamTls::Native {
  boost::asio::ssl::context context{boost::asio::ssl::context::tls};
};

/// Bytes on their way out, in pieces: however many wait, none of them are moved.
class Outgoing {
 public:
  void append(std::string bytes);
  void clear();
  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  /// Until the next append() or clear().
  std::span<const boost::asio::const_buffer> buffers();

 private:
  std::vector<std::string> pieces_;
  std::vector<boost::asio::const_buffer> buffers_;
  size_t size_ = 0;
};

struct Stream::Core : std::enable_shared_from_this<Stream::Core> {
  using Socket = boost::asio::generic::stream_protocol::socket;
  using Error = boost::system::error_code;
  explicit Core(Loop& its_loop)
      : loop(its_loop), socket(its_loop.native().context), resolver(socket.get_executor()), patience(its_loop) {}

  /// A socket that an acceptor got.
  void take(boost::asio::ip::tcp::socket accepted);
  void connect(const Endpoint& to);
  void try_next(const Error& last);
  void connected();
  void shake_hands(bool as_client, const std::string& host);
  void open();
  void read();
  void read_plain(const Error& error);
  void read_encrypted();
  void give(Bytes bytes);
  void write();
  void written(const Error& error);
  void fail(const std::string& why);
  void close();

  Loop& loop;
  Socket socket;
  boost::asio::ip::tcp::resolver resolver;
  Timer patience;
  StreamEvents events;
  std::shared_ptr<const StreamTls> tls_settings;
  std::optional<boost::asio::ssl::stream<Socket&>> tls;
  std::vector<Socket::endpoint_type> candidates;
  size_t tried = 0;
  std::string host;
  std::string peer;
  std::string local;
  std::vector<uint8_t> buffer;  // encrypted streams only
  Outgoing waiting;             // after `writing`
  Outgoing writing;
  uint64_t given = 0;
  uint64_t handed = 0;
  bool is_open = false;
  bool is_closed = false;
  bool is_reading = false;
  bool wants_to_read = true;
  bool is_writing = false;
  bool ends_when_sent = false;
};

}  // namespace microcloud
