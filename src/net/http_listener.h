// A small HTTP/1.1 listener (RFC 9110, RFC 9112) for pages that the program tells of itself: GET and HEAD, nothing
// else.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace microcloud {

/// A numeric address and a port.
struct ListenAddress {
  std::string host;
  uint16_t port = 0;
  bool loopback = false;
};

/// `127.0.0.1:9475` or `[::1]:9475`. Throws std::invalid_argument: what is wrong and what is accepted, by an example
/// with `usual_port`.
ListenAddress parse_listen_address(std::string_view text, uint16_t usual_port);

struct HttpReply {
  unsigned status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body;
};

/// Serves on a thread of its own from start() until it goes. At most kMostClients at once; a client that takes longer
/// than kPatienceS over a request, or sends more than 8 KiB of headers, is let go.
class HttpListener {
 public:
  static constexpr unsigned kMostClients = 32;
  static constexpr unsigned kPatienceS = 5;

  /// Called on the listener's thread with the path alone: `/metrics`.
  using Handler = std::function<HttpReply(std::string_view path)>;
  struct Settings {
    ListenAddress address;
    unsigned ports_to_try = 1;  // this one, the next one, ...
    std::string token = {};     // not empty: who does not show it as bearer token (RFC 6750) gets 401
  };
  /// Binds. Throws std::runtime_error, one sentence: the address is not this host's, or the port is taken.
  HttpListener(const Settings& settings, Handler handler);
  ~HttpListener();
  HttpListener(const HttpListener&) = delete;
  HttpListener& operator=(const HttpListener&) = delete;

  void start();
  /// `http://127.0.0.1:9475`
  const std::string& url() const { return url_; }
  /// Any thread: connections closed because there were too many.
  uint64_t refused() const;

 private:
  struct Server;
  std::unique_ptr<Server> server_;
  std::string url_;
};

}  // namespace microcloud
