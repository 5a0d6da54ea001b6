#include "record/names.h"

#include <algorithm>
#include <cctype>

namespace microcloud {
namespace {

char lower(char letter) {
  return static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
}

std::string plain(std::string_view name) {
  std::string out;
  for (const char letter : name) {
    if (letter != '_' && letter != '%') out += lower(letter);
  }
  return out;
}

/// Optimal string alignment distance.
size_t distance(const std::string& a, const std::string& b) {
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), now(b.size() + 1);
  for (size_t at = 0; at <= b.size(); ++at) last[at] = at;
  for (size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) now[j] = std::min(now[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, now);
  }
  return last[b.size()];
}

}  // namespace

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

std::vector<std::string> nearest_names(std::string_view word, const std::vector<std::string>& names, size_t count) {
  constexpr size_t kLongest = 64;  // what a person may have meant is no longer
  const std::string wanted = plain(word.substr(0, kLongest));
  std::vector<std::pair<size_t, std::string>> ranked;
  for (const std::string& name : names) ranked.emplace_back(distance(wanted, plain(name)), name);
  std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> nearest;
  for (size_t at = 0; at < std::min(count, ranked.size()); ++at) nearest.push_back(ranked[at].second);
  return nearest;
}

}  // namespace microcloud
