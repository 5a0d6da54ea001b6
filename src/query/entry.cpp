#include "query/entry.h"

#include <algorithm>

namespace microcloud {

std::string_view Entry::type_name() const {
  switch (type) {
    case Type::None:
      return "none";
    case Type::String:
      return "string";
    case Type::Hash:
      return "hash";
    case Type::SortedSet:
      return "zset";
  }
  return "none";
}

const std::string* Entry::field(std::string_view name) const {
  const auto found = std::find_if(fields.begin(), fields.end(), [name](const auto& one) { return one.first == name; });
  return found == fields.end() ? nullptr : &found->second;
}

size_t Entry::bytes() const {
  size_t bytes = sizeof(Entry) + text.size();
  for (const auto& [name, value] : fields) bytes += 2 * sizeof(std::string) + name.size() + value.size();
  for (const auto& [member, score] : members) bytes += sizeof(std::string) + sizeof score + member.size();
  return bytes;
}

Entry Entry::of_fields(Fields fields) {
  Entry entry;
  entry.type = fields.empty() ? Type::None : Type::Hash;
  entry.fields = std::move(fields);
  return entry;
}

Entry Entry::of(const KeyUpdate& update) {
  Entry entry;
  if (!update.members().empty()) {
    entry.type = Type::SortedSet;
    for (const auto& [member, sum] : update.members()) entry.members.emplace_back(member, sum.amount);
    std::sort(entry.members.begin(), entry.members.end(), [](const auto& a, const auto& b) {
      return a.second != b.second ? a.second < b.second : a.first < b.first;
    });
    return entry;
  }
  // What is to be the smallest may stand there twice: where there was none, and where there was a larger one.
  std::vector<std::pair<std::string_view, int64_t>> numbers;
  for (const KeyUpdate::Number& one : update.numbers()) {
    const auto known =
        std::find_if(numbers.begin(), numbers.end(), [&](const auto& other) { return other.first == one.field; });
    if (known == numbers.end()) {
      numbers.emplace_back(one.field, one.value);
    } else {
      known->second = std::min(known->second, one.value);
    }
  }
  for (const auto& [name, value] : numbers) entry.fields.emplace_back(name, std::to_string(value));
  for (const KeyUpdate::Text& one : update.texts()) entry.fields.emplace_back(one.field, one.value);
  entry.type = entry.fields.empty() ? Type::None : Type::Hash;
  return entry;
}

}  // namespace microcloud
