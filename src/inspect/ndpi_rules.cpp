#include "inspect/ndpi_rules.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <optional>
#include <stdexcept>

namespace microcloud {
namespace {

constexpr size_t kMaxHost = 253;        // a DNS name
constexpr size_t kMaxApplication = 31;  // longer ones nDPI cuts in "TLS.Name"
constexpr unsigned kMaxPort = 65534;
constexpr std::string_view kElements =
    "accepted: tcp:PORT, tcp:PORT-PORT, udp:PORT, udp:PORT-PORT, ip:IPV4[/BITS][:PORT], host:\"NAME\"";

[[noreturn]] void refuse(const std::string& where, std::string_view what, std::string_view why) {
  throw std::runtime_error(where + ": \"" + std::string(what) + "\" " + std::string(why));
}

template <typename Number>
std::optional<Number> number_of(std::string_view text) {
  Number value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || text.empty()) return std::nullopt;
  return value;
}

bool is_between(std::optional<unsigned> value, unsigned low, unsigned high) {
  return value && *value >= low && *value <= high;
}

/// What stands before and behind the first (or last) `mark`; nothing where there is none.
std::optional<std::pair<std::string_view, std::string_view>> cut(std::string_view text, size_t mark) {
  if (mark == std::string_view::npos) return std::nullopt;
  return std::pair(text.substr(0, mark), text.substr(mark + 1));
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

bool is_address(std::string_view text) {
  in_addr address{};
  return inet_pton(AF_INET, std::string(text).c_str(), &address) == 1;
}

bool is_network(std::string_view text) {
  const auto parts = cut(text, text.find('/'));
  return parts ? is_address(parts->first) && is_between(number_of<unsigned>(parts->second), 0, 32) : is_address(text);
}

void check_ports(std::string_view text, std::string_view element, const std::string& where) {
  const auto range = cut(text, text.find('-'));
  const auto low = number_of<unsigned>(range ? range->first : text);
  const auto high = range ? number_of<unsigned>(range->second) : low;
  if (!is_between(low, 1, kMaxPort) || !is_between(high, *low, kMaxPort)) {
    refuse(where, element, "names no port (accepted: 1 to 65534, or LOW-HIGH; nDPI cannot take 65535)");
  }
}

void check_endpoint(std::string_view text, std::string_view element, const std::string& where) {
  const auto parts = cut(text, text.rfind(':'));
  if (!is_network(parts ? parts->first : text) ||
      (parts && !is_between(number_of<unsigned>(parts->second), 1, 65535))) {
    refuse(where, element, "is no IPv4 address (accepted: ip:192.0.2.1, ip:192.0.2.0/24, either with :PORT behind it)");
  }
}

/// The text within quotes, if there are any; nothing when one of them is missing.
std::optional<std::string_view> unquote(std::string_view text) {
  if (text.find('"') == std::string_view::npos) return text;
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::nullopt;
  text = text.substr(1, text.size() - 2);
  if (text.find('"') != std::string_view::npos) return std::nullopt;
  return text;
}

std::string host_of(std::string_view text, std::string_view element, const std::string& where) {
  const auto name = unquote(text);
  const auto fits = [](unsigned char c) {
    return std::isalnum(c) != 0 || (c != 0 && std::strchr(".-_*", c) != nullptr);
  };
  if (!name || name->empty() || name->size() > kMaxHost || !std::all_of(name->begin(), name->end(), fits)) {
    refuse(where, element, "names no host (accepted: letters, digits and . - _ *, in quotes, 253 at most)");
  }
  std::string host(*name);
  std::transform(host.begin(), host.end(), host.begin(), [](unsigned char c) { return std::tolower(c); });
  return host;
}

void check_application(std::string_view name, const std::string& where) {
  const auto fits = [](unsigned char c) {
    return std::isalnum(c) != 0 || (c != 0 && std::strchr("_-+.", c) != nullptr);
  };
  if (name.empty() || name.size() > kMaxApplication || !std::all_of(name.begin(), name.end(), fits)) {
    refuse(where, name, "is no protocol name (accepted: letters, digits and _ - + ., 31 at most, behind the @)");
  }
}

NdpiRule element_rule(std::string_view element, const std::string& where) {
  NdpiRule rule;
  const auto parts = cut(element, element.find(':'));
  const std::string_view kind = parts ? parts->first : std::string_view();
  if (kind == "tcp" || kind == "udp") {
    check_ports(parts->second, element, where);
  } else if (kind == "ip") {
    check_endpoint(parts->second, element, where);
  } else if (kind == "host") {
    rule.host = host_of(parts->second, element, where);
    rule.text = "host:\"" + rule.host + '"';
    return rule;
  } else {
    refuse(where, element, std::string("is not understood (") + std::string(kElements) + ")");
  }
  rule.text = element;
  return rule;
}

std::vector<NdpiRule> application_rules(std::string_view elements, std::string_view name, const std::string& where) {
  check_application(name, where);
  std::vector<NdpiRule> rules;
  while (true) {
    const size_t comma = elements.find(',');
    rules.push_back(element_rule(trim(elements.substr(0, comma)), where));
    rules.back().application = name;
    if (comma == std::string_view::npos) return rules;
    elements.remove_prefix(comma + 1);
  }
}

NdpiRule mask_rule(NdpiRule::Kind kind, std::string_view text, const std::string& where) {
  const auto parts = cut(text, text.rfind('='));
  const auto mask = parts ? number_of<uint64_t>(parts->second) : std::nullopt;
  if (!mask)
    refuse(where, text, "has no mask (accepted: ...=NUMBER, the 64-bit mask of the risks to be told, decimal)");
  NdpiRule rule;
  rule.kind = kind;
  rule.mask = *mask;
  if (kind == NdpiRule::Kind::HostRiskMask) {
    rule.text = host_of(parts->first, text, where);
    return rule;
  }
  if (!is_network(parts->first)) {
    refuse(where, text, "is no IPv4 network (accepted: ip_risk_mask:192.0.2.1=MASK, ip_risk_mask:192.0.2.0/24=MASK)");
  }
  rule.text = parts->first;
  return rule;
}

NdpiRule issuer_rule(std::string_view text, const std::string& where) {
  const auto name = unquote(text);
  if (!name || name->find('=') == std::string_view::npos) {
    refuse(where, text, "is no distinguished name (accepted: trusted_issuer_dn:\"CN=..., O=...\")");
  }
  NdpiRule rule;
  rule.kind = NdpiRule::Kind::TrustedIssuerDn;
  rule.text = *name;
  return rule;
}

std::optional<NdpiRule> other_rule(std::string_view line, const std::string& where) {
  const auto parts = cut(line, line.find(':'));
  if (!parts) return std::nullopt;
  if (parts->first == "ip_risk_mask") return mask_rule(NdpiRule::Kind::IpRiskMask, parts->second, where);
  if (parts->first == "host_risk_mask") return mask_rule(NdpiRule::Kind::HostRiskMask, parts->second, where);
  if (parts->first == "trusted_issuer_dn") return issuer_rule(parts->second, where);
  return std::nullopt;
}

}  // namespace

std::vector<NdpiRule> parse_ndpi_rules(std::string_view line, const std::string& where) {
  line = trim(line);
  if (line.empty() || line.front() == '#') return {};
  if (auto rule = other_rule(line, where)) return {std::move(*rule)};
  const auto parts = cut(line, line.rfind('@'));
  if (!parts) {
    refuse(where, line,
           "is no rule (accepted: ELEMENT[,ELEMENT...]@NAME, ip_risk_mask:, host_risk_mask:, trusted_issuer_dn:)");
  }
  return application_rules(parts->first, parts->second, where);
}

std::vector<NdpiRule> read_ndpi_rules(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error(path + ": " + std::strerror(errno));
  std::vector<NdpiRule> rules;
  std::string line;
  for (unsigned number = 1; std::getline(file, line); ++number) {
    for (NdpiRule& rule : parse_ndpi_rules(line, path + ':' + std::to_string(number))) {
      rule.line = number;
      rules.push_back(std::move(rule));
    }
  }
  if (file.bad() || !file.eof()) throw std::runtime_error(path + ": cannot be read (is it a file?)");
  return rules;
}

}  // namespace microcloud
