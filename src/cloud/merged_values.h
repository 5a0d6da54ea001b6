// What a server says of a key, as values that those of other servers are merged into.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "resp/value.h"

namespace microcloud {

/// A key as TYPE names it.
enum class KeyKind : uint8_t { None, Hash, SortedSet, Set, Text, List, Stream };

/// Hash: fields and values; sorted set: members and scores; set, list: members; text: the text.
using Values = std::vector<std::pair<std::string, std::string>>;

/// nullptr: there is none of that name.
std::string* find_value(Values& values, std::string_view name);
const std::string* find_value(const Values& values, std::string_view name);
/// Text of a reply that may come as a number.
std::string text_of(const resp::Value& value);
/// All of a key, but for what begins with _ in a hash or a sorted set.
void take_all(Values& into, const resp::Value& from, KeyKind kind);
/// The counters of both together; the earliest firstSeen, the latest lastSeen; of what was learnt (texts, ip, vlan)
/// what stands there already, and what only `from` knows. Fields that begin with _ are the system's own and left out.
void merge_hash(Values& into, const resp::Value& from);
/// Scores of one member add up.
void merge_sorted_set(Values& into, const resp::Value& from);
/// The number in a field of the system, or that a member of the system has as its negative score; 0: there is none.
int64_t system_number(const resp::Value& from, std::string_view name);

}  // namespace microcloud
