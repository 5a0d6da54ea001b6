// The user's name in a SASL exchange as mail protocols have it: lines of base64 (RFC 4422, RFC 4648). Of what else is
// said there, passwords above all, nothing is kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace microcloud {

/// Nothing when it is no base64 (RFC 4648, 4; without padding too). Of a text that was `cut`, as far as it goes.
std::optional<std::string> decode_base64(std::string_view text, bool cut = false);

/// Mechanisms: PLAIN (RFC 4616), LOGIN, XOAUTH2, OAUTHBEARER (RFC 7628), CRAM-MD5 (RFC 2195), SCRAM-* (RFC 5802). Of
/// others the exchange is followed, and no name is known.
class SaslUser {
 public:
  /// The client chose a mechanism. The name, when its first response stood beside it (`initial`, empty: it did not).
  std::optional<std::string> begin(std::string_view mechanism, std::string_view initial, bool cut);
  /// The client's next line. The name, once it is said.
  std::optional<std::string> response(std::string_view line, bool cut);
  /// The server accepted or refused, or octets are missing: the client's lines are commands again.
  void end() { mechanism_ = Mechanism::None; }
  /// Are the client's next lines responses?
  bool active() const { return mechanism_ != Mechanism::None; }
  /// Has the client said all that the mechanism wants? Then a command may come, should the server not be heard.
  bool over() const { return left_ == 0; }

 private:
  enum class Mechanism : uint8_t { None, Plain, Login, Xoauth2, OauthBearer, CramMd5, Scram, Other };

  std::optional<std::string> name_in(std::string_view line, bool cut) const;

  Mechanism mechanism_ = Mechanism::None;
  uint8_t left_ = 0;    // responses to come
  bool first_ = false;  // the next response has the name
};

}  // namespace microcloud
