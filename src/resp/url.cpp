#include "resp/url.h"

#include <charconv>
#include <optional>
#include <stdexcept>

namespace microcloud::resp {
namespace {

constexpr uint16_t kPort = 6379;
constexpr uint16_t kSentinelPort = 26379;
constexpr const char* kAccepted =
    " (redis://[user@]host:port, unix:///path, redis+cluster://h1:p1,h2:p2 and redis+sentinel://h1:p1/name are "
    "accepted, and "
    "rediss for TLS)";

[[noreturn]] void refuse(const std::string& what) {
  throw std::invalid_argument(what + kAccepted);
}

std::optional<std::string> decoded(std::string_view text) {
  std::string plain;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      plain += text[at];
      continue;
    }
    unsigned byte = 0;
    if (at + 2 >= text.size()) return std::nullopt;
    const char* digits = text.data() + at + 1;
    const auto [end, error] = std::from_chars(digits, digits + 2, byte, 16);
    if (error != std::errc() || end != digits + 2) return std::nullopt;
    plain += static_cast<char>(byte);
    at += 2;
  }
  return plain;
}

void read_scheme(std::string_view scheme, Url& url) {
  url.tls = scheme.starts_with("rediss");
  const std::string_view kind = scheme.substr(url.tls ? 6 : scheme.starts_with("redis") ? 5 : 0);
  if (kind == "+cluster") {
    url.kind = Url::Kind::Cluster;
  } else if (kind == "+sentinel") {
    url.kind = Url::Kind::Sentinel;
  } else if (!kind.empty() && scheme != "unix") {
    refuse("'" + std::string(scheme) + "' is no way to a Redis server");
  }
}

/// Takes `user:password@` off the front of `rest`.
void read_user(std::string_view& rest, PasswordInUrl allowed, Url& url) {
  const size_t slash = rest.find('/');
  const size_t at = rest.substr(0, slash).rfind('@');
  if (at == std::string_view::npos) return;
  const std::string_view who = rest.substr(0, at);
  rest.remove_prefix(at + 1);
  const size_t colon = who.find(':');
  if (colon != std::string_view::npos && allowed == PasswordInUrl::Refused)
    throw std::invalid_argument(
        "a password in a URL can be seen by everyone on this machine: give it in a secret file or the environment");
  const auto user = decoded(who.substr(0, colon));
  const auto password = colon == std::string_view::npos ? std::string() : decoded(who.substr(colon + 1));
  if (!user || !password) refuse("user or password of the URL have a % that two hexadecimal digits do not follow");
  url.user = *user;
  url.password = *password;
}

Endpoint read_endpoint(std::string_view text, uint16_t default_port) {
  const std::string shown(text);
  Endpoint endpoint{{}, default_port};
  std::string_view port;
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) refuse("'" + shown + "' has no ]");
    endpoint.host = text.substr(1, close - 1);
    port = text.substr(close + 1);
  } else {
    const size_t colon = text.find(':');
    endpoint.host = text.substr(0, colon);
    if (colon != std::string_view::npos) port = text.substr(colon);
  }
  if (endpoint.host.empty() || endpoint.host.find_first_of(" @[]") != std::string::npos)
    refuse("'" + shown + "' names no host");
  if (port.empty()) return endpoint;
  unsigned number = 0;
  const char* end = port.data() + port.size();
  const auto [stopped, error] = std::from_chars(port.data() + 1, end, number);
  if (port.front() != ':' || error != std::errc() || stopped != end || number == 0 || number > 65535)
    refuse("'" + shown + "': a port is a number from 1 to 65535");
  endpoint.port = static_cast<uint16_t>(number);
  return endpoint;
}

void read_endpoints(std::string_view text, Url& url) {
  const uint16_t port = url.kind == Url::Kind::Sentinel ? kSentinelPort : kPort;
  for (;;) {
    const size_t comma = text.find(',');
    url.endpoints.push_back(read_endpoint(text.substr(0, comma), port));
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  if (url.kind == Url::Kind::Node && url.endpoints.size() > 1)
    refuse("several hosts are a cluster's or sentinels': their URL says which");
}

}  // namespace

Url parse_url(std::string_view text, PasswordInUrl password) {
  const size_t colon = text.find("://");
  if (colon == std::string_view::npos) refuse("the URL has no ://");
  Url url;
  const std::string_view scheme = text.substr(0, colon);
  std::string_view rest = text.substr(colon + 3);
  read_scheme(scheme, url);
  read_user(rest, password, url);
  if (scheme == "unix") {
    if (!rest.starts_with('/')) refuse("'" + std::string(rest) + "' is no absolute path");
    url.endpoints.push_back({{}, 0, std::string(rest)});
    return url;
  }
  const size_t slash = rest.find('/');
  const std::string_view path = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
  read_endpoints(rest.substr(0, slash), url);
  if (url.kind == Url::Kind::Sentinel) {
    if (path.empty() || path.find('/') != std::string_view::npos)
      refuse("the URL lacks the name by which the sentinels know the master");
    url.master_name = path;
  } else if (!path.empty()) {
    refuse("'/" + std::string(path) + "' after the host means nothing here");
  }
  return url;
}

std::string Url::text() const {
  std::string out = !endpoints.empty() && !endpoints[0].path.empty() ? "unix" : tls ? "rediss" : "redis";
  if (kind == Kind::Cluster) out += "+cluster";
  if (kind == Kind::Sentinel) out += "+sentinel";
  out += "://";
  if (!user.empty()) out += user + "@";
  for (size_t at = 0; at < endpoints.size(); ++at) out += (at > 0 ? "," : "") + endpoints[at].text();
  if (!master_name.empty()) out += "/" + master_name;
  return out;
}

}  // namespace microcloud::resp
