// Application messages for generated captures and traces: just enough that a dissector takes them for real.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tools/packet_builder.h"

namespace microcloud::tools {

/// A question for an A record, and its answer with one address.
Blob dns_query(uint16_t id, std::string_view name);
Blob dns_answer(uint16_t id, std::string_view name, const Addr4& address);

std::string http_get(std::string_view host, std::string_view target);
std::string http_response(unsigned status, std::string_view body);

/// A TLS 1.3 ClientHello that offers h2 and http/1.1. `random` fills its random bytes.
Blob tls_client_hello(std::string_view server_name, uint64_t random);
/// The ServerHello that answers it.
Blob tls_server_hello(uint64_t random);

}  // namespace microcloud::tools
