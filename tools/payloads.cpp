// DNS (RFC 1035), HTTP/1.1 (RFC 9112) and the TLS hello (RFC 8446), as short as they may be.
#include "tools/payloads.h"

#include <algorithm>

#include "tools/packet_layer.h"

namespace microcloud::tools {

namespace {

constexpr uint16_t kTypeA = 1, kClassIn = 1;
constexpr uint16_t kTls12 = 0x0303, kTls13 = 0x0304, kAes128Sha256 = 0x1301, kX25519 = 29;
constexpr uint16_t kServerName = 0, kGroups = 10, kSignatures = 13, kAlpn = 16, kVersions = 43, kKeyShare = 51;

void write_question(Writer& out, std::string_view name) {
  while (!name.empty()) {
    const size_t dot = std::min(name.find('.'), name.size());
    out.u8(static_cast<unsigned>(dot)).text(name.substr(0, dot));
    name.remove_prefix(std::min(dot + 1, name.size()));
  }
  out.u8(0).u16(kTypeA).u16(kClassIn);
}

/// A TLS vector: its length in two bytes, then the content.
void write_vector(Writer& out, const Writer& content) {
  out.u16(static_cast<unsigned>(content.size())).bytes(content.out());
}

void write_extension(Writer& out, uint16_t type, const Writer& content) {
  out.u16(type);
  write_vector(out, content);
}

Writer server_name_extension(std::string_view name) {
  Writer entry;
  entry.u8(0).u16(static_cast<unsigned>(name.size())).text(name);
  Writer list;
  write_vector(list, entry);
  return list;
}

Writer alpn_extension() {
  Writer names;
  for (const std::string_view name : {"h2", "http/1.1"}) names.u8(static_cast<unsigned>(name.size())).text(name);
  Writer list;
  write_vector(list, names);
  return list;
}

Writer key_share(uint64_t random) {
  Writer share;
  share.u16(kX25519).u16(32);
  for (uint64_t word = 0; word < 4; ++word) share.u64(random * 5 + word);
  return share;
}

/// What both hellos begin with: version, random bytes, a session's id.
Writer hello_start(uint64_t random) {
  Writer hello;
  hello.u16(kTls12);
  for (uint64_t word = 0; word < 4; ++word) hello.u64(random + word);
  hello.u8(32);
  for (uint64_t word = 0; word < 4; ++word) hello.u64(random * 3 + word);
  return hello;
}

Blob handshake_record(uint8_t message, const Writer& body) {
  constexpr uint8_t kHandshake = 22;
  Writer record;
  record.u8(kHandshake).u16(0x0301).u16(static_cast<unsigned>(body.size() + 4));
  record.u8(message).u24(static_cast<uint32_t>(body.size())).bytes(body.out());
  return record.out();
}

}  // namespace

Blob dns_query(uint16_t id, std::string_view name) {
  constexpr uint16_t kRecursionDesired = 0x0100;
  Writer out;
  out.u16(id).u16(kRecursionDesired).u16(1).u16(0).u16(0).u16(0);
  write_question(out, name);
  return out.out();
}

Blob dns_answer(uint16_t id, std::string_view name, const Addr4& address) {
  constexpr uint16_t kResponse = 0x8180, kPointerToQuestion = 0xc00c;
  Writer out;
  out.u16(id).u16(kResponse).u16(1).u16(1).u16(0).u16(0);
  write_question(out, name);
  out.u16(kPointerToQuestion).u16(kTypeA).u16(kClassIn).u32(300).u16(4).bytes(address.bytes);
  return out.out();
}

std::string http_get(std::string_view host, std::string_view target) {
  std::string request = "GET ";
  request.append(target).append(" HTTP/1.1\r\nHost: ").append(host);
  return request.append("\r\nUser-Agent: capture/1\r\nAccept: */*\r\n\r\n");
}

std::string http_response(unsigned status, std::string_view body) {
  std::string response = "HTTP/1.1 " + std::to_string(status) + " Any\r\nContent-Type: text/plain\r\nContent-Length: ";
  return response.append(std::to_string(body.size())).append("\r\n\r\n").append(body);
}

Blob tls_client_hello(std::string_view server_name, uint64_t random) {
  Writer extensions;
  write_extension(extensions, kServerName, server_name_extension(server_name));
  write_extension(extensions, kGroups, Writer().u16(4).u16(kX25519).u16(23));
  write_extension(extensions, kSignatures, Writer().u16(4).u16(0x0403).u16(0x0804));
  write_extension(extensions, kAlpn, alpn_extension());
  write_extension(extensions, kVersions, Writer().u8(4).u16(kTls13).u16(kTls12));
  Writer share;
  write_vector(share, key_share(random));
  write_extension(extensions, kKeyShare, share);

  Writer hello = hello_start(random);
  hello.u16(6).u16(kAes128Sha256).u16(0x1302).u16(0xc02f).u8(1).u8(0);
  write_vector(hello, extensions);
  return handshake_record(1, hello);
}

Blob tls_server_hello(uint64_t random) {
  Writer extensions;
  write_extension(extensions, kVersions, Writer().u16(kTls13));
  write_extension(extensions, kKeyShare, key_share(random));
  Writer hello = hello_start(random);
  hello.u16(kAes128Sha256).u8(0);
  write_vector(hello, extensions);
  return handshake_record(2, hello);
}

}  // namespace microcloud::tools
