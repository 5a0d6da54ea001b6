#include "net/http_listener.h"

#include <openssl/crypto.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "base/counter.h"
#include "base/thread_name.h"
#include "net/bind.h"

namespace microcloud {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using Request = http::request<http::empty_body>;
using Response = http::response<http::string_body>;

ListenAddress parse_listen_address(std::string_view text, uint16_t usual_port) {
  const std::string usual = std::to_string(usual_port);
  const std::string accepted =
      "'" + std::string(text) + "' is no ADDRESS:PORT: 127.0.0.1:" + usual + " or [::1]:" + usual + " are";
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) throw std::invalid_argument(accepted);
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  const bool bracketed = host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);

  ListenAddress address{std::string(host)};
  const auto [end, wrong] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  boost::system::error_code error;
  const asio::ip::address parsed = asio::ip::make_address(address.host, error);
  if (error || parsed.is_v6() != bracketed || wrong != std::errc() || end != port.data() + port.size())
    throw std::invalid_argument(accepted);
  address.loopback = parsed.is_loopback();
  return address;
}

struct HttpListener::Server {
  Handler handler;
  std::string token;
  asio::io_context context{1};
  tcp::acceptor acceptor{context};
  unsigned clients = 0;
  Counter refused;
  std::thread thread;

  bool known(const Request& request) const {
    if (token.empty()) return true;
    const std::string wanted = "Bearer " + token;
    const auto shown = request[http::field::authorization];
    return shown.size() == wanted.size() && CRYPTO_memcmp(shown.data(), wanted.data(), wanted.size()) == 0;
  }

  HttpReply reply(const Request& request) const {
    if (!known(request)) return {401, "text/plain", "show the bearer token\n"};
    if (request.method() != http::verb::get && request.method() != http::verb::head)
      return {405, "text/plain", "GET and HEAD are accepted\n"};
    const std::string_view target(request.target().data(), request.target().size());
    return handler(target.substr(0, target.find('?')));
  }

  Response respond(const Request& request) const {
    HttpReply said = reply(request);
    Response response(static_cast<http::status>(said.status), request.version());
    response.set(http::field::content_type, said.type);
    response.set(http::field::cache_control, "no-store");
    if (said.status == 401) response.set(http::field::www_authenticate, "Bearer");
    if (said.status == 405) response.set(http::field::allow, "GET, HEAD");
    response.keep_alive(request.keep_alive());
    response.body() = std::move(said.body);
    response.prepare_payload();
    if (request.method() == http::verb::head) response.body().clear();  // its length stays told
    return response;
  }

  asio::awaitable<void> serve(tcp::socket socket) {
    constexpr size_t kMostBytes = 8192;
    ++clients;
    beast::tcp_stream stream(std::move(socket));
    beast::flat_buffer buffer(2 * kMostBytes);
    try {
      for (bool more = true; more;) {
        stream.expires_after(std::chrono::seconds(kPatienceS));
        http::request_parser<http::empty_body> parser;
        parser.header_limit(kMostBytes);
        co_await http::async_read(stream, buffer, parser, asio::use_awaitable);
        const Response response = respond(parser.get());
        more = response.keep_alive();
        http::response_serializer<http::string_body> serializer(response);
        co_await http::async_write(stream, serializer, asio::use_awaitable);
      }
      boost::system::error_code ignored;
      stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
    } catch (const boost::system::system_error&) {
      // The client went, was slow, or spoke no HTTP: its connection ends, and that is all there is to it.
    }
    --clients;
  }

  asio::awaitable<void> accept() {
    asio::steady_timer pause(context);
    for (;;) {
      boost::system::error_code error;
      tcp::socket socket = co_await acceptor.async_accept(asio::redirect_error(asio::use_awaitable, error));
      if (error == asio::error::operation_aborted) co_return;
      if (error) {  // no descriptors left, say: others may be given back
        pause.expires_after(std::chrono::milliseconds(100));
        co_await pause.async_wait(asio::use_awaitable);
      } else if (clients >= kMostClients) {
        refused.add();
      } else {
        asio::co_spawn(context, serve(std::move(socket)), asio::detached);
      }
    }
  }
};

HttpListener::HttpListener(const Settings& settings, Handler handler) : server_(std::make_unique<Server>()) {
  server_->handler = std::move(handler);
  server_->token = settings.token;
  server_->acceptor = bind_listener(server_->context, settings.address, settings.ports_to_try);
  const tcp::endpoint bound = server_->acceptor.local_endpoint();
  const std::string& host = settings.address.host;
  url_ = "http://" + (bound.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(bound.port());
}

HttpListener::~HttpListener() {
  server_->context.stop();
  if (server_->thread.joinable()) server_->thread.join();
}

void HttpListener::start() {
  asio::co_spawn(server_->context, server_->accept(), asio::detached);
  server_->thread = std::thread([this] {
    name_thread("mc-http");
    server_->context.run();
  });
}

uint64_t HttpListener::refused() const {
  return server_->refused.get();
}

}  // namespace microcloud
