// Who an X.509 certificate is of and who signed it (RFC 5280, 4.1), as text.
#pragma once

#include <string>

#include "base/cursor.h"

namespace microcloud {

struct X509Names {
  std::string subject;
  std::string issuer;
};

/// Reads both names of a certificate in DER, each as RFC 4514 writes it: the most specific part first, values in UTF-8
/// with special characters escaped, types without a name of their own as numbers. `certificate` may be cut behind the
/// subject. False when a name cannot be read.
bool read_x509_names(Bytes certificate, X509Names& names);

}  // namespace microcloud
