#include "net/tls_settings.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <stdexcept>

#include "base/secret.h"

namespace microcloud {
namespace {

void hold(bool done, const std::string& what) {
  if (done) return;
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  throw std::runtime_error(what + ": " + (reason == nullptr ? "unknown TLS error" : reason));
}

}  // namespace

void apply(const TlsSettings& settings, ssl_ctx_st* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  if (settings.ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context);
  } else {
    hold(SSL_CTX_load_verify_file(context, settings.ca_file.c_str()) == 1,
         "cannot read certificates from " + settings.ca_file);
  }
  if (settings.certificate_file.empty()) return;
  hold(SSL_CTX_use_certificate_chain_file(context, settings.certificate_file.c_str()) == 1,
       "cannot read a certificate from " + settings.certificate_file);
  (void)read_secret(settings.key_file);  // of its owner alone
  hold(SSL_CTX_use_PrivateKey_file(context, settings.key_file.c_str(), SSL_FILETYPE_PEM) == 1,
       "cannot use the key in " + settings.key_file);
}

}  // namespace microcloud
