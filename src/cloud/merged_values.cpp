#include "cloud/merged_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace microcloud {
namespace {

using resp::Value;

constexpr std::string_view kLearnt[] = {"mac", "ip", "vlan", "name", "os", "user"};

/// A reply's elements by twos: names and values, members and scores; RESP3 nests the latter.
template <typename Each>
void for_pairs(const Value& reply, Each each) {
  const std::vector<Value>& elements = reply.elements;
  const bool nested = !elements.empty() && elements.front().elements.size() == 2;
  if (nested) {
    for (const Value& pair : elements) {
      if (pair.elements.size() == 2) each(pair.elements[0], pair.elements[1]);
    }
  } else {
    for (size_t at = 0; at + 1 < elements.size(); at += 2) each(elements[at], elements[at + 1]);
  }
}

bool is_learnt(std::string_view field) {
  return std::find(std::begin(kLearnt), std::end(kLearnt), field) != std::end(kLearnt);
}

constexpr double kWhole = int64_t{1} << 53;  // scores are exact up to there

/// As Redis writes a score: whole numbers without a point.
std::string score_text(double score) {
  if (std::abs(score) <= kWhole && score == std::floor(score)) return std::to_string(static_cast<int64_t>(score));
  return fmt::format("{:.17g}", score);
}

double score_of(const std::string& text) {
  double score = 0;  // also of what is none
  std::from_chars(text.data(), text.data() + text.size(), score);
  return std::isnan(score) ? 0 : score;
}

int64_t sum_of(int64_t a, int64_t b) {
  int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return a > 0 ? std::numeric_limits<int64_t>::max() : std::numeric_limits<int64_t>::min();
}

}  // namespace

std::string* find_value(Values& values, std::string_view name) {
  const auto found = std::find_if(values.begin(), values.end(), [name](const auto& one) { return one.first == name; });
  return found == values.end() ? nullptr : &found->second;
}

const std::string* find_value(const Values& values, std::string_view name) {
  return find_value(const_cast<Values&>(values), name);
}

std::string text_of(const Value& value) {
  if (value.type == resp::Type::Integer) return std::to_string(value.integer);
  if (value.type == resp::Type::Double) return score_text(value.number);
  return value.text;
}

void take_all(Values& into, const Value& from, KeyKind kind) {
  if (kind == KeyKind::Text && from.has_text()) into.emplace_back("", from.text);
  if (kind == KeyKind::Set || kind == KeyKind::List)
    for (const Value& member : from.elements) into.emplace_back(member.text, "");
  if (kind == KeyKind::Hash || kind == KeyKind::SortedSet) {
    for_pairs(from, [&into](const Value& name, const Value& value) {
      if (!name.text.starts_with('_')) into.emplace_back(name.text, text_of(value));
    });
  }
}

void merge_hash(Values& into, const Value& from) {
  for_pairs(from, [&into](const Value& field, const Value& value) {
    if (field.text.starts_with('_')) return;
    std::string* mine = find_value(into, field.text);
    if (mine == nullptr) {
      into.emplace_back(field.text, text_of(value));
      return;
    }
    const auto ours = resp::parse_integer(*mine), theirs = value.as_integer();
    if (!ours || !theirs || is_learnt(field.text)) return;
    if (field.text == "firstSeen") {
      *mine = std::to_string(std::min(*ours, *theirs));
    } else if (field.text == "lastSeen") {
      *mine = std::to_string(std::max(*ours, *theirs));
    } else {
      *mine = std::to_string(sum_of(*ours, *theirs));
    }
  });
}

void merge_sorted_set(Values& into, const Value& from) {
  for_pairs(from, [&into](const Value& member, const Value& score) {
    if (member.text.starts_with('_')) return;
    const auto amount = score.as_double();
    if (!amount) return;
    std::string* mine = find_value(into, member.text);
    if (mine == nullptr) {
      into.emplace_back(member.text, score_text(*amount));
    } else {
      *mine = score_text(score_of(*mine) + *amount);
    }
  });
  std::stable_sort(into.begin(), into.end(),
                   [](const auto& a, const auto& b) { return score_of(a.second) > score_of(b.second); });
}

int64_t system_number(const Value& from, std::string_view name) {
  int64_t number = 0;
  for_pairs(from, [&](const Value& one, const Value& value) {
    if (one.text != name) return;
    const double amount = std::abs(value.as_double().value_or(0));
    number = amount <= kWhole ? static_cast<int64_t>(amount) : std::numeric_limits<int64_t>::max();
  });
  return number;
}

}  // namespace microcloud
