#include "net/acceptor.h"

#include <stdexcept>

#include "net/bind.h"
#include "net/stream_core.h"

namespace microcloud {

namespace asio = boost::asio;
using asio::ip::tcp;

tcp::acceptor bind_listener(asio::io_context& context, const ListenAddress& address, unsigned ports_to_try) {
  const asio::ip::address host = asio::ip::make_address(address.host);
  boost::system::error_code error;
  for (unsigned step = 0; step < ports_to_try; ++step) {
    const tcp::endpoint endpoint(host, static_cast<uint16_t>(address.port + step));
    tcp::acceptor acceptor(context);
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (!error) return acceptor;
  }
  throw std::runtime_error("cannot listen on " + address.host + " port " + std::to_string(address.port) + ": " +
                           error.message());
}

struct Acceptor::Core : std::enable_shared_from_this<Acceptor::Core> {
  Core(Loop& its_loop, tcp::acceptor bound, Accepted then)
      : loop(its_loop), acceptor(std::move(bound)), pause(its_loop), accepted(std::move(then)) {}

  void accept() {
    acceptor.async_accept([self = shared_from_this()](const boost::system::error_code& error, tcp::socket socket) {
      self->came(error, std::move(socket));
    });
  }

  void came(const boost::system::error_code& error, tcp::socket socket) {
    if (is_closed || error == asio::error::operation_aborted) return;
    if (error) {  // no descriptors left, say: others may be given back
      failures.add();
      pause.start(std::chrono::milliseconds(100), [self = shared_from_this()] { self->accept(); });
      return;
    }
    auto stream = std::make_unique<Stream>(loop);
    stream->core().take(std::move(socket));
    accepted(std::move(stream));
    if (!is_closed) accept();
  }

  Loop& loop;
  tcp::acceptor acceptor;
  Timer pause;
  Accepted accepted;
  Counter failures;
  bool is_closed = false;
};

Acceptor::Acceptor(Loop& loop, const ListenAddress& address, unsigned ports_to_try, Accepted accepted)
    : core_(std::make_shared<Core>(loop, bind_listener(loop.native().context, address, ports_to_try),
                                   std::move(accepted))) {
  core_->accept();
}

Acceptor::~Acceptor() {
  core_->is_closed = true;
  core_->pause.cancel();
  boost::system::error_code ignored;
  core_->acceptor.close(ignored);
}

uint16_t Acceptor::port() const {
  boost::system::error_code ignored;
  return core_->acceptor.local_endpoint(ignored).port();
}

const Counter& Acceptor::failures() const {
  return core_->failures;
}

}  // namespace microcloud
