// How the MicroCloud is reached, as the command line says it: by a probe that updates it, or by whoever asks.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
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

/// The secret and the files of TLS, as they were last read, for all connections of a probe. Any thread.
class CloudCredentials {
 public:
  /// Reads them again, for connections that come then. Throws UsageError: those that were read before stay.
  void read_again(const CloudAccessOptions& options);
  /// From now on the client's connections use what was read last.
  static void renew(resp::ClientSettings& client, std::shared_ptr<const CloudCredentials> credentials);

 private:
  struct Read {
    std::string user;
    std::string password;
    std::shared_ptr<const StreamTls> tls;
  };
  mutable std::mutex mutex_;
  std::optional<Read> last_;  // nothing: as at the start
};

/// Checks all that can be checked without connecting. Throws UsageError.
CloudAccess cloud_access(const CloudAccessOptions& options);

}  // namespace microcloud
