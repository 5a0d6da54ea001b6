#include "net/tls_connection.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <stdexcept>

#include "net/tcp_connection.h"

namespace microcloud {
namespace {

std::string last_error() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "unknown TLS error" : reason;
}

// OpenSSL's own way to a socket raises SIGPIPE where the peer is gone: ours is by way of TcpConnection.
TcpConnection& below(BIO* bio) {
  return *static_cast<TcpConnection*>(BIO_get_data(bio));
}

int write_below(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const size_t count = below(bio).write(bytes, static_cast<size_t>(size));
  if (count > 0) return static_cast<int>(count);
  if (below(bio).look() != Connection::State::Broken) BIO_set_retry_write(bio);
  return -1;
}

int read_below(BIO* bio, char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const size_t count = below(bio).read(bytes, static_cast<size_t>(size));
  if (count > 0) return static_cast<int>(count);
  if (below(bio).look() != Connection::State::Broken) BIO_set_retry_read(bio);
  return -1;
}

long control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

int make(BIO* bio) {
  BIO_set_init(bio, 1);
  return 1;
}

}  // namespace

struct TlsContext::Shared {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  BIO_METHOD* way = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "connection");
  bool verify = true;

  Shared() = default;
  ~Shared() {
    SSL_CTX_free(context);
    BIO_meth_free(way);
  }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
};

namespace {

class TlsConnection final : public Connection {
 public:
  TlsConnection(SSL_CTX* context, const BIO_METHOD* way, const SocketAddress& peer, const std::string& host,
                bool verify)
      : tcp_(peer), session_(SSL_new(context)) {
    BIO* bio = BIO_new(way);
    if (session_ == nullptr || bio == nullptr) throw std::runtime_error("cannot make a TLS session: " + last_error());
    BIO_set_data(bio, &tcp_);
    SSL_set_bio(session_, bio, bio);
    SSL_set_cert_cb(session_, note_asked, this);
    SSL_set_mode(session_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    const bool address = is_address(host);
    if (!address) SSL_set_tlsext_host_name(session_, host.c_str());
    if (!verify) return;
    SSL_set_verify(session_, SSL_VERIFY_PEER, nullptr);
    const int known = address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session_), host.c_str())
                              : SSL_set1_host(session_, host.c_str());
    if (known != 1) break_off("'" + host + "' can stand in no certificate");
  }
  ~TlsConnection() override { SSL_free(session_); }

  State poll() override {
    if (broken_) return State::Broken;
    if (const State tcp = tcp_.look(); tcp != State::Open) {
      if (tcp == State::Broken) break_off(tcp_.why());
      return tcp;
    }
    if (!open_) return shake_hands();
    read_on();
    return broken_ ? State::Broken : State::Open;
  }

  size_t write(const char* bytes, size_t size) override {
    if (!open_ || broken_) return 0;
    constexpr size_t kMost = size_t{1} << 14;  // a TLS record
    ERR_clear_error();
    const int count = SSL_write(session_, bytes, static_cast<int>(std::min(size, kMost)));
    if (count > 0) return static_cast<size_t>(count);
    check(count);
    return 0;
  }
  uint64_t written() const override { return tcp_.written(); }
  Way way() const override { return tcp_.way(); }
  void close_writing() override {
    if (open_ && !broken_) SSL_shutdown(session_);
    tcp_.close_writing();
  }
  void abort() override {
    tcp_.abort();
    break_off("given up");
  }
  std::string why() const override { return why_; }
  bool closed_in_order() const override { return in_order_; }

 private:
  static constexpr std::chrono::seconds kLongestJudgement{1};

  static int note_asked(SSL*, void* self) {
    static_cast<TlsConnection*>(self)->asked_ = true;
    return 1;
  }

  /// With TLS 1.3 a peer that asked for our certificate judges it after the handshake, as we see it. Its refusal would
  /// come when its system has taken records already; a session ticket says that it is content, and so does silence.
  State await_judgement() {
    const auto now = std::chrono::steady_clock::now();
    if (judgement_until_ == std::chrono::steady_clock::time_point{}) judgement_until_ = now + kLongestJudgement;
    read_on();
    if (broken_) return State::Broken;
    const SSL_SESSION* session = SSL_get0_session(session_);
    open_ = (session != nullptr && SSL_SESSION_has_ticket(session) != 0) || now >= judgement_until_;
    return open_ ? State::Open : State::Opening;
  }

  void read_on() {
    std::array<char, 512> ignored;
    ERR_clear_error();
    int count = 0;
    do {
      count = SSL_read(session_, ignored.data(), ignored.size());
    } while (count > 0);
    check(count);
  }

  State shake_hands() {
    if (SSL_is_init_finished(session_) != 0) return await_judgement();
    ERR_clear_error();
    const int result = SSL_connect(session_);
    if (result == 1) {
      open_ = !asked_ || SSL_version(session_) < TLS1_3_VERSION;
      return open_ ? State::Open : State::Opening;
    }
    const long verdict = SSL_get_verify_result(session_);
    if (verdict != X509_V_OK && ERR_peek_error() != 0 && SSL_get_verify_mode(session_) != SSL_VERIFY_NONE) {
      break_off("its certificate is refused: " + std::string(X509_verify_cert_error_string(verdict)));
    } else {
      check(result);
    }
    return broken_ ? State::Broken : State::Opening;
  }

  void check(int result) {
    const int error = SSL_get_error(session_, result);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return;
    in_order_ = error == SSL_ERROR_ZERO_RETURN || tcp_.closed_in_order();
    if (tcp_.look() == State::Broken) {
      break_off(open_ ? tcp_.why() : "it speaks no TLS there, or refuses us (" + tcp_.why() + ")");
    } else {
      break_off(error == SSL_ERROR_ZERO_RETURN ? "the collector closed the connection" : "TLS: " + last_error());
    }
  }

  void break_off(std::string why) {
    if (broken_) return;
    broken_ = true;
    why_ = std::move(why);
  }

  TcpConnection tcp_;
  SSL* session_;
  bool asked_ = false;  // for a certificate
  std::chrono::steady_clock::time_point judgement_until_{};
  bool open_ = false;
  bool broken_ = false;
  bool in_order_ = false;
  std::string why_;
};

}  // namespace

TlsContext::TlsContext(const TlsSettings& settings) : shared_(std::make_unique<Shared>()) {
  SSL_CTX* context = shared_->context;
  if (context == nullptr || shared_->way == nullptr) throw std::runtime_error("cannot set up TLS: " + last_error());
  BIO_meth_set_write(shared_->way, write_below);
  BIO_meth_set_read(shared_->way, read_below);
  BIO_meth_set_ctrl(shared_->way, control);
  BIO_meth_set_create(shared_->way, make);
  shared_->verify = settings.verify;
  apply(settings, context);
}

TlsContext::~TlsContext() = default;

std::unique_ptr<Connection> TlsContext::connect(const SocketAddress& peer, const std::string& host) const {
  return std::make_unique<TlsConnection>(shared_->context, shared_->way, peer, host, shared_->verify);
}

}  // namespace microcloud
