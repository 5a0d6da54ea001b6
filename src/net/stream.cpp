#include "net/stream.h"

#include <openssl/ssl.h>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/write.hpp>
#include <string_view>

#include "net/stream_core.h"

namespace microcloud {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

std::string text_of(const std::string& host, uint16_t port) {
  return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + std::to_string(port);
}

/// OpenSSL's reason where there is one: `certificate verify failed`.
std::string tls_reason(const asio::ssl::stream<Stream::Core::Socket&>& tls, const boost::system::error_code& error) {
  const long verdict =
      SSL_get_verify_result(const_cast<asio::ssl::stream<Stream::Core::Socket&>&>(tls).native_handle());
  const std::string why = verdict == X509_V_OK ? "" : std::string(" (") + X509_verify_cert_error_string(verdict) + ")";
  return "TLS failed: " + error.message() + why;
}

/// What did not come in time.
std::string late(std::string_view what, std::chrono::milliseconds time) {
  const auto count = time.count();
  return "no " + std::string(what) + " within " +
         (count % 1000 == 0 ? std::to_string(count / 1000) + " s" : std::to_string(count) + " ms");
}

/// Asio's check of the name, which leaves OpenSSL without a reason where it says no.
auto name_check(const std::string& name) {
  return [check = asio::ssl::host_name_verification(name)](bool good, asio::ssl::verify_context& context) {
    if (check(good, context)) return true;
    if (good) X509_STORE_CTX_set_error(context.native_handle(), X509_V_ERR_HOSTNAME_MISMATCH);
    return false;
  };
}

}  // namespace

void Outgoing::append(std::string bytes) {
  constexpr size_t kPiece = 64 << 10;
  if (bytes.empty()) return;
  size_ += bytes.size();
  if (!pieces_.empty() && pieces_.back().size() + bytes.size() <= kPiece) {
    pieces_.back() += bytes;
  } else {
    if (!pieces_.empty() && bytes.capacity() > bytes.size() + bytes.size() / 4) bytes.shrink_to_fit();  // it will wait
    pieces_.push_back(std::move(bytes));
  }
}

void Outgoing::clear() {
  constexpr size_t kKept = 64;
  pieces_.clear();
  size_ = 0;
  if (pieces_.capacity() > kKept) pieces_.shrink_to_fit();
  if (buffers_.capacity() > kKept) buffers_ = {};
}

std::span<const asio::const_buffer> Outgoing::buffers() {
  buffers_.clear();
  for (const std::string& piece : pieces_) buffers_.push_back(asio::buffer(piece));
  return buffers_;
}

StreamTls::StreamTls(Side side, const TlsSettings& settings)
    : native_(std::make_unique<Native>()), verifies_(settings.verify) {
  namespace ssl = asio::ssl;
  if (side == Side::Server && settings.certificate_file.empty())
    throw std::runtime_error("a TLS server needs a certificate and its key");
  apply(settings, native_->context.native_handle());
  const bool asks = settings.verify && (side == Side::Client || !settings.ca_file.empty());
  native_->context.set_verify_mode(asks ? ssl::verify_peer | ssl::verify_fail_if_no_peer_cert : ssl::verify_none);
}

StreamTls::~StreamTls() = default;

std::string Endpoint::text() const {
  return path.empty() ? text_of(host, port) : path;
}

void Stream::Core::take(tcp::socket accepted) {
  Error error;
  const tcp::endpoint from = accepted.remote_endpoint(error);
  if (!error) peer = text_of(from.address().to_string(), from.port());
  const tcp::endpoint here = accepted.local_endpoint(error);
  if (!error) local = text_of(here.address().to_string(), here.port());
  socket = Socket(std::move(accepted));
}

void Stream::Core::connect(const Endpoint& to) {
  host = to.host;
  peer = to.text();
  if (!to.path.empty()) {
    try {
      candidates.emplace_back(asio::local::stream_protocol::endpoint(to.path));
    } catch (const boost::system::system_error&) {  // longer than such paths may be
      return loop.post([self = shared_from_this()] { self->fail("the path of the socket is too long"); });
    }
    return try_next(asio::error::not_found);
  }
  Error error;
  if (const auto address = asio::ip::make_address(to.host, error); !error) {
    candidates.emplace_back(tcp::endpoint(address, to.port));
    return try_next(asio::error::not_found);
  }
  resolver.async_resolve(to.host, std::to_string(to.port), tcp::resolver::numeric_service,
                         [self = shared_from_this()](const Error& failed, const tcp::resolver::results_type& found) {
                           if (self->is_closed) return;
                           if (failed) return self->fail("the name is not known: " + failed.message());
                           for (const auto& one : found) self->candidates.emplace_back(one.endpoint());
                           self->try_next(asio::error::not_found);
                         });
}

void Stream::Core::try_next(const Error& last) {
  if (is_closed) return;
  if (tried == candidates.size()) return fail(last.message());
  Error ignored;
  socket.close(ignored);
  socket.async_connect(candidates[tried++], [self = shared_from_this()](const Error& error) {
    if (self->is_closed) return;
    if (error) return self->try_next(error);
    self->connected();
    if (!self->tls_settings) return self->open();
    self->shake_hands(true, self->host);
  });
}

void Stream::Core::connected() {
  Error ignored;  // a Unix socket has neither
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  socket.non_blocking(true, ignored);
}

void Stream::Core::shake_hands(bool as_client, const std::string& name) {
  tls.emplace(socket, tls_settings->native().context);
  if (as_client && tls_settings->verifies()) tls->set_verify_callback(name_check(name));
  Error numeric;
  asio::ip::make_address(name, numeric);
  if (as_client && numeric) SSL_set_tlsext_host_name(tls->native_handle(), name.c_str());
  tls->async_handshake(as_client ? asio::ssl::stream_base::client : asio::ssl::stream_base::server,
                       [self = shared_from_this()](const Error& error) {
                         if (self->is_closed) return;
                         if (error) return self->fail(tls_reason(*self->tls, error));
                         self->buffer.resize(16 << 10);
                         self->open();
                       });
}

void Stream::Core::open() {
  patience.cancel();
  is_open = true;
  events.opened();
  read();
  write();
}

void Stream::Core::read() {
  if (!is_open || is_closed || is_reading || !wants_to_read) return;
  is_reading = true;
  if (tls) return read_encrypted();
  socket.async_wait(Socket::wait_read, [self = shared_from_this()](const Error& error) { self->read_plain(error); });
}

void Stream::Core::read_plain(const Error& error) {
  is_reading = false;
  if (is_closed) return;
  if (error) return fail(error.message());
  if (!wants_to_read) return;
  constexpr int kTimes = 4;  // before others have their turn
  auto& scratch = loop.native().scratch;
  for (int time = 0; time < kTimes && wants_to_read && !is_closed; ++time) {
    Error failed;
    const size_t count = socket.read_some(asio::buffer(scratch), failed);
    if (failed == asio::error::would_block) break;
    if (failed) return fail(failed == asio::error::eof ? "the peer closed the connection" : failed.message());
    give(Bytes(scratch).first(count));
    if (count < scratch.size()) break;
  }
  read();
}

void Stream::Core::read_encrypted() {
  tls->async_read_some(asio::buffer(buffer), [self = shared_from_this()](const Error& error, size_t count) {
    self->is_reading = false;
    if (self->is_closed) return;
    if (error) {
      const bool ended = error == asio::error::eof || error == asio::ssl::error::stream_truncated;
      return self->fail(ended ? "the peer closed the connection" : error.message());
    }
    self->give(Bytes(self->buffer).first(count));
    self->read();
  });
}

void Stream::Core::give(Bytes bytes) {
  events.received(bytes);
}

void Stream::Core::write() {
  if (!is_open || is_closed || is_writing || waiting.empty()) return;
  is_writing = true;
  std::swap(writing, waiting);  // that is empty
  handed += writing.size();
  auto then = [self = shared_from_this()](const Error& error, size_t) { self->written(error); };
  if (tls) {
    asio::async_write(*tls, writing.buffers(), std::move(then));
  } else {
    asio::async_write(socket, writing.buffers(), std::move(then));
  }
}

void Stream::Core::written(const Error& error) {
  is_writing = false;
  if (is_closed) return;
  if (error) return fail(error.message());
  writing.clear();
  if (!waiting.empty()) return write();
  if (ends_when_sent) return close();
  if (events.sent) events.sent();
}

void Stream::Core::fail(const std::string& why) {
  if (is_closed) return;
  close();
  events.closed(why);
}

void Stream::Core::close() {
  is_closed = true;
  patience.cancel();
  resolver.cancel();
  Error ignored;
  socket.close(ignored);
}

Stream::Stream(Loop& loop) : core_(std::make_shared<Core>(loop)) {}

Stream::~Stream() {
  close();
}

void Stream::connect(const Endpoint& peer, std::shared_ptr<const StreamTls> tls, std::chrono::milliseconds patience,
                     StreamEvents events) {
  core_->tls_settings = std::move(tls);
  core_->events = std::move(events);
  core_->patience.start(patience, [core = core_.get(), patience] {
    core->fail(core->tls ? late("TLS handshake", patience) + "; does it speak TLS?" : late("connection", patience));
  });
  core_->connect(peer);
}

void Stream::accept(std::shared_ptr<const StreamTls> tls, std::chrono::milliseconds patience, StreamEvents events) {
  core_->tls_settings = std::move(tls);
  core_->events = std::move(events);
  core_->connected();
  if (!core_->tls_settings)
    return core_->loop.post([core = core_] {
      if (!core->is_closed) core->open();
    });
  core_->patience.start(patience, [core = core_.get(), patience] { core->fail(late("TLS handshake", patience)); });
  core_->shake_hands(false, {});
}

void Stream::send(std::string bytes) {
  if (core_->is_closed) return;
  core_->given += bytes.size();
  core_->waiting.append(std::move(bytes));
  core_->write();
}

size_t Stream::unsent() const {
  return core_->waiting.size() + (core_->is_writing ? core_->writing.size() : 0);
}

uint64_t Stream::given() const {
  return core_->given;
}

uint64_t Stream::handed() const {
  return core_->handed;
}

void Stream::read(bool on) {
  core_->wants_to_read = on;
  core_->read();
}

void Stream::close() {
  core_->close();
}

void Stream::close_when_sent() {
  core_->ends_when_sent = true;
  core_->wants_to_read = false;
  if (core_->is_closed) return;
  if (!core_->is_writing && core_->waiting.empty()) return core_->close();
  core_->patience.start(std::chrono::seconds(1), [core = core_] { core->close(); });
}

const std::string& Stream::peer() const {
  return core_->peer;
}

const std::string& Stream::local() const {
  return core_->local;
}

}  // namespace microcloud
