// What a ClientHello asks for, as the records of TLS and of QUIC tell it.
#pragma once

#include <string_view>

#include "protocols/wire/tls_hello.h"

namespace microcloud {

/// `Told` is a record with `server_name` (an optional Text), `alpn` (a TextList) and `partial`.
template <typename Told>
void tell_names(Told& told, const ClientHello& hello) {
  if (hello.server_name) {
    told.server_name.emplace().assign(*hello.server_name);
    if (hello.server_name->size() > told.server_name->view().size()) told.partial.add("server name cut");
  }
  bool all = true;
  for_each_alpn(hello.alpn, [&](std::string_view name) { all = told.alpn.push(name) && all; });
  if (!all) told.partial.add("protocols cut");
  if (!hello.whole) told.partial.add("client hello cut");
}

}  // namespace microcloud
