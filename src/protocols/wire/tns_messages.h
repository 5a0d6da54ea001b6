// What stands readable in packets of Oracle's TNS: the connect descriptor, the server's refusal or redirection, and in
// data packets (whose contents, TTC, have no public specification) SQL and messages of errors.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/address.h"
#include "base/cursor.h"

namespace microcloud {

/// Of keys of the MicroCloud: <ip>:<port> behind it is where a listener has sent a client.
inline constexpr std::string_view kRedirectionTree = "tns.redir.";

/// The connect data of a Connect packet; `body`: behind the packet's head. Empty, and `follows`: they come in a data
/// packet of their own, as long ones do. Nothing: it is no Connect packet.
struct TnsConnect {
  uint16_t version = 0;
  std::string_view data;
  bool follows = false;
};
std::optional<TnsConnect> read_tns_connect(Bytes body);

/// The text behind a length of two octets, of a Refuse (behind two octets of reasons) or a Redirect packet; of what
/// there is, where it is cut.
std::string_view tns_refusal(Bytes body);
std::string_view tns_redirection(Bytes body);

/// The value of a key in a descriptor, (KEY=value), capitals or not, blanks around it aside; `within`: of the first
/// (KEY=...) with that name only. Empty: there is none. A value that is a list itself is told as it stands.
std::string_view tns_value(std::string_view descriptor, std::string_view key, std::string_view within = {});

/// Number of the error in a descriptor of a refusal: ERR or CODE.
std::optional<uint32_t> tns_error(std::string_view descriptor);

/// SQL in the payload of data packets that a client sent, which may go on in `bytes` in pieces (of at most 252 octets,
/// or longer ones with a length of their own). `is_whole` false: its end is not known, or missing.
struct TnsStatement {
  std::string text;
  bool is_whole = true;
};
std::optional<TnsStatement> find_tns_statement(Bytes bytes);

/// Number of the first error message (ORA-nnnnn:) in the payload of data packets that a server sent.
std::optional<uint32_t> find_oracle_error(Bytes bytes);

}  // namespace microcloud
