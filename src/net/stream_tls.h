// What the encrypted streams of one side share.
#pragma once

#include <memory>

#include "net/tls_settings.h"

namespace microcloud {

class StreamTls {
 public:
  enum class Side { Client, Server };
  /// Reads the files. Throws std::runtime_error, one sentence. A client checks that its peer's certificate is of the
  /// host it asked for; a server has a certificate, and wants one of every client where a ca_file says whose.
  StreamTls(Side side, const TlsSettings& settings);
  ~StreamTls();
  StreamTls(const StreamTls&) = delete;
  StreamTls& operator=(const StreamTls&) = delete;

  struct Native;
  Native& native() const { return *native_; }
  bool verifies() const { return verifies_; }

 private:
  std::unique_ptr<Native> native_;
  bool verifies_;
};

}  // namespace microcloud
