// TLS over TCP (OpenSSL) that never blocks: at least TLS 1.2, and a peer that shows whose it is.
#pragma once

#include <memory>
#include <string>

#include "net/connection.h"
#include "net/target.h"
#include "net/tls_settings.h"

namespace microcloud {

/// What the connections of one program share. Used by one thread.
class TlsContext {
 public:
  /// Reads the files. Throws std::runtime_error, one sentence that names the file.
  explicit TlsContext(const TlsSettings& settings);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  /// Begins a connection to `peer`, whose certificate must be that of `host`: a name or an address (RFC 6125).
  std::unique_ptr<Connection> connect(const SocketAddress& peer, const std::string& host) const;

 private:
  struct Shared;
  std::unique_ptr<Shared> shared_;
};

}  // namespace microcloud
