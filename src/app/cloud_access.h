// How the MicroCloud is reached, as the command line says it: by a probe that updates it, or by whoever asks.
#pragma once

#include <string>

#include "net/tls_settings.h"
#include "resp/client.h"
#include "resp/url.h"

namespace microcloud {

struct CloudAccessOptions {
  std::string url;  // empty: no MicroCloud
  std::string secret_file;
  TlsSettings tls;        // of rediss://
  bool insecure = false;  // do not verify whom it reaches
  std::string realm;
};

/// Whether the URL says that the MicroCloud is reached over TLS.
bool uses_tls(const CloudAccessOptions& options);

struct CloudAccess {
  resp::Url url;
  resp::ClientSettings client;  // with user, password and TLS; without a name
};

/// Checks all that can be checked without connecting. Throws UsageError.
CloudAccess cloud_access(const CloudAccessOptions& options);

}  // namespace microcloud
