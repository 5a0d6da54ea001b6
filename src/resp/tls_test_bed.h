// For tests: certificates of an authority of their own.
#pragma once

#include "resp/redis_test_bed.h"

namespace microcloud::resp {

/// An authority, and what it signed for 127.0.0.1: PEM files of mode 0600.
class Certificates {
 public:
  Certificates() {
    const std::string ca = path("ca"), server = path("server");
    openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
             ca + ".key", "-out", ca + ".pem", "-days", "2", "-subj", "/CN=test authority"});
    openssl({"req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", server + ".key",
             "-out", server + ".csr", "-subj", "/CN=server", "-addext", "subjectAltName=IP:127.0.0.1"});
    openssl({"x509", "-req", "-in", server + ".csr", "-CA", ca + ".pem", "-CAkey", ca + ".key", "-out", server + ".pem",
             "-days", "2", "-copy_extensions", "copy"});
    std::filesystem::permissions(key(), std::filesystem::perms::owner_read);
  }
  std::string authority() const { return path("ca.pem"); }
  std::string certificate() const { return path("server.pem"); }
  std::string key() const { return path("server.key"); }

 private:
  std::string path(const std::string& name) const { return folder_.path() + "/" + name; }
  void openssl(std::vector<std::string> words) const {
    words.insert(words.begin(), "openssl");
    EXPECT_EQ(run(words, path("log")), 0) << words[1];
  }
  TemporaryFolder folder_;
};

inline std::shared_ptr<const StreamTls> client_tls(const std::string& authority, bool verify = true) {
  return std::make_shared<StreamTls>(StreamTls::Side::Client, TlsSettings{.ca_file = authority, .verify = verify});
}

}  // namespace microcloud::resp
