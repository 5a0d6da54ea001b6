#include "resp/outcome.h"

#include <algorithm>
#include <array>

namespace microcloud::resp {
namespace {

using Codes = std::string_view;

// Given before a command runs, and cured by time or by another node.
constexpr std::array<Codes, 12> kPassing = {"MOVED", "ASK",        "TRYAGAIN",   "CLUSTERDOWN", "LOADING",   "READONLY",
                                            "OOM",   "NOREPLICAS", "MASTERDOWN", "MISCONF",     "EXECABORT", "BUSY"};
// Given before a command runs, and lasting.
constexpr std::array<Codes, 5> kLasting = {"NOPERM", "NOAUTH", "WRONGPASS", "NOSCRIPT", "CROSSSLOT"};
constexpr std::array<Codes, 3> kLastingWords = {"ERR Function not found", "ERR unknown command",
                                                "ERR wrong number of arguments"};

template <size_t Size>
bool among(const std::array<Codes, Size>& codes, std::string_view code) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

/// Redis names the script in errors that arose while it ran.
bool inside_script(const Value& reply) {
  return reply.text.find(" script: ") != std::string::npos;
}

}  // namespace

std::string_view error_code(const Value& reply) {
  if (!reply.is_error()) return {};
  return std::string_view(reply.text).substr(0, reply.text.find(' '));
}

bool provably_unapplied(const Value& reply) {
  if (!reply.is_error() || inside_script(reply)) return false;
  const std::string_view code = error_code(reply);
  if (among(kPassing, code) || among(kLasting, code)) return true;
  return std::any_of(kLastingWords.begin(), kLastingWords.end(),
                     [&](Codes words) { return reply.text.starts_with(words); });
}

Outcome outcome_of(const Value& reply) {
  if (!reply.is_error()) return Outcome::Ok;
  return among(kPassing, error_code(reply)) && !inside_script(reply) ? Outcome::Retry : Outcome::Refused;
}

}  // namespace microcloud::resp
