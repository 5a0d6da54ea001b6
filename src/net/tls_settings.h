// Whom a TLS connection trusts and who we are in it; the files of that are read in one way for all connections.
#pragma once

#include <string>

struct ssl_ctx_st;

namespace microcloud {

struct TlsSettings {
  std::string ca_file = {};           // PEM: whose certificates are trusted; empty: the system's
  std::string certificate_file = {};  // PEM: our own, with its chain, where the peer asks for one
  std::string key_file = {};          // PEM: of our own certificate; of its owner alone (mode 0600)
  bool verify = true;
};

/// Reads the files into OpenSSL's context; TLS 1.2 or later is spoken then. Throws std::runtime_error, one sentence
/// that names the file.
void apply(const TlsSettings& settings, ssl_ctx_st* context);

}  // namespace microcloud
