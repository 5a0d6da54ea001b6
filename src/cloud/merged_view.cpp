#include "cloud/merged_view.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <stdexcept>
#include <unordered_map>

#include "base/wall_clock.h"
#include "cloud/key_names.h"

namespace microcloud {
namespace {

using resp::Commands;
using resp::Value;
using Values = std::vector<std::pair<std::string, std::string>>;

constexpr std::string_view kCountedTrees[] = {"ip.", "mac.", "vlan.", "proto.", "port."};
constexpr std::string_view kLearnt[] = {"mac", "ip", "vlan", "name", "os", "user"};
constexpr size_t kAtOnce = 1'000;  // keys in one request
constexpr int64_t kFreshMs = 5'000;
constexpr int64_t kAnyClockMs = 60'000;  // clocks of machines may differ by so much

KeyKind kind_of(const Value& type) {
  constexpr std::pair<std::string_view, KeyKind> kKinds[] = {
      {"hash", KeyKind::Hash}, {"zset", KeyKind::SortedSet}, {"set", KeyKind::Set}, {"string", KeyKind::Text}};
  for (const auto& [name, kind] : kKinds)
    if (type.is(name)) return kind;
  return KeyKind::None;
}

void add_read(Commands& commands, const std::string& key, KeyKind kind) {
  if (kind == KeyKind::SortedSet) commands.add("ZREVRANGE", key, 0, -1, "WITHSCORES");
  if (kind == KeyKind::Set) commands.add("SMEMBERS", key);
  if (kind == KeyKind::Text) commands.add("GET", key);
  if (kind == KeyKind::Hash || kind == KeyKind::None) commands.add("HGETALL", key);
}

/// Text of a value that may come as a number.
std::string text_of(const Value& value) {
  if (value.type == resp::Type::Integer) return std::to_string(value.integer);
  if (value.type == resp::Type::Double) return std::to_string(static_cast<int64_t>(value.number));
  return value.text;
}

/// A reply's elements by twos: names and values, members and scores; RESP3 nests the latter.
template <typename Each>
void for_pairs(const Value& reply, Each each) {
  const std::vector<Value>& elements = reply.elements;
  const bool nested = !elements.empty() && elements.front().elements.size() == 2;
  if (nested) {
    for (const Value& pair : elements) each(pair.elements[0], pair.elements[1]);
  } else {
    for (size_t at = 0; at + 1 < elements.size(); at += 2) each(elements[at], elements[at + 1]);
  }
}

std::string* find(Values& values, std::string_view name) {
  const auto found = std::find_if(values.begin(), values.end(), [name](const auto& one) { return one.first == name; });
  return found == values.end() ? nullptr : &found->second;
}

bool is_learnt(std::string_view field) {
  return std::find(std::begin(kLearnt), std::end(kLearnt), field) != std::end(kLearnt);
}

void take_all(Values& into, const Value& from, KeyKind kind) {
  if (kind == KeyKind::Text && from.has_text()) into.emplace_back("", from.text);
  if (kind == KeyKind::Set)
    for (const Value& member : from.elements) into.emplace_back(member.text, "");
  if (kind == KeyKind::Hash || kind == KeyKind::SortedSet) {
    for_pairs(from, [&into](const Value& name, const Value& value) {
      if (!name.text.starts_with('_')) into.emplace_back(name.text, text_of(value));
    });
  }
}

void merge(Answer& answer, const Value& reply, bool counted) {
  if (counted && answer.kind == KeyKind::Hash) {
    merge_hash(answer.values, reply);
  } else if (counted && answer.kind == KeyKind::SortedSet) {
    merge_sorted_set(answer.values, reply);
  } else if (answer.values.empty()) {
    take_all(answer.values, reply, answer.kind);
  }
}

const Value& no_error(const Value& reply, const Store& store) {
  if (reply.is_error()) throw std::runtime_error(store.name() + ": " + reply.text);
  return reply;
}

/// The reply to one command for each key, which `write` adds.
template <typename Write>
std::vector<Value> ask_each(Store& store, std::span<const std::string> keys, Write write) {
  std::vector<Store::Question> questions(keys.size());
  for (size_t at = 0; at < keys.size(); ++at) {
    questions[at].key = keys[at];
    write(questions[at].commands, keys[at], at);
  }
  std::vector<Value> replies;
  for (std::vector<Value>& of_key : store.ask(questions)) {
    (void)no_error(of_key.front(), store);
    replies.push_back(std::move(of_key.front()));
  }
  return replies;
}

}  // namespace

void merge_hash(Values& into, const Value& from) {
  for_pairs(from, [&into](const Value& field, const Value& value) {
    if (field.text.starts_with('_')) return;
    std::string* mine = find(into, field.text);
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
      *mine = std::to_string(*ours + *theirs);
    }
  });
}

void merge_sorted_set(Values& into, const Value& from) {
  for_pairs(from, [&into](const Value& member, const Value& score) {
    if (member.text.starts_with('_')) return;
    const auto amount = score.as_double();
    if (!amount) return;
    std::string* mine = find(into, member.text);
    if (mine == nullptr) {
      into.emplace_back(member.text, std::to_string(static_cast<int64_t>(*amount)));
    } else {
      *mine = std::to_string(resp::parse_integer(*mine).value_or(0) + static_cast<int64_t>(*amount));
    }
  });
  std::stable_sort(into.begin(), into.end(), [](const auto& a, const auto& b) {
    return resp::parse_integer(a.second).value_or(0) > resp::parse_integer(b.second).value_or(0);
  });
}

bool is_counted(std::string_view key, std::string_view realm) {
  if (!realm.empty()) {
    if (!key.starts_with(realm) || key.size() <= realm.size() || key[realm.size()] != '/') return false;
    key.remove_prefix(realm.size() + 1);
  }
  return std::any_of(std::begin(kCountedTrees), std::end(kCountedTrees),
                     [key](std::string_view tree) { return key.starts_with(tree); });
}

std::vector<ProbeFacts> known_probes(Store& cloud, const std::string& realm) {
  const std::string tree = realm_prefix(realm) + "probe.";
  const std::vector<std::string> keys = cloud.keys(tree + "*", "hash");
  const auto replies =
      ask_each(cloud, keys, [](Commands& commands, const std::string& key, size_t) { commands.add("HGETALL", key); });
  std::vector<ProbeFacts> probes;
  int64_t latest = 0;
  std::vector<int64_t> beats;
  for (size_t at = 0; at < keys.size(); ++at) {
    ProbeFacts probe;
    probe.id = keys[at].substr(tree.size());
    take_all(probe.heartbeat, replies[at], KeyKind::Hash);
    if (const std::string* listen = find(probe.heartbeat, "listen")) probe.listen = *listen;
    const std::string* beat = find(probe.heartbeat, "beat");
    beats.push_back(beat == nullptr ? 0 : resp::parse_integer(*beat).value_or(0));
    latest = std::max(latest, beats.back());
    probes.push_back(std::move(probe));
  }
  const int64_t now = wall_ms();
  // Against this machine's clock, or, should that be wrong, against the latest of them.
  const int64_t since = std::min(now, latest) - kFreshMs;
  for (size_t at = 0; at < probes.size(); ++at) {
    const bool has_ended = find(probes[at].heartbeat, "ended") != nullptr;
    probes[at].alive = beats[at] >= since && now - beats[at] < kAnyClockMs && !has_ended;
  }
  return probes;
}

MergedView::MergedView(Store& cloud, std::vector<Face> faces, std::string realm)
    : cloud_(cloud), faces_(std::move(faces)), realm_(std::move(realm)) {}

std::vector<std::string> MergedView::keys(const std::string& pattern, const std::string& type) {
  std::vector<std::string> found = cloud_.keys(pattern, type);
  for (const Face& face : faces_) {
    std::vector<std::string> more = face.store->keys(pattern, type);
    found.insert(found.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

std::vector<KeyKind> MergedView::kinds(const std::vector<std::string>& keys) {
  std::vector<KeyKind> found(keys.size(), KeyKind::None);
  const auto look = [&](Store& store) {
    const auto replies =
        ask_each(store, keys, [](Commands& commands, const std::string& key, size_t) { commands.add("TYPE", key); });
    for (size_t at = 0; at < keys.size(); ++at)
      if (found[at] == KeyKind::None) found[at] = kind_of(replies[at]);
  };
  look(cloud_);
  for (const Face& face : faces_) look(*face.store);
  return found;
}

/// The batch stands before and behind what is read: where both are the same all of it stands there.
std::vector<Value> MergedView::ask_face(const Face& face, const std::vector<std::string>& keys,
                                        const std::vector<KeyKind>& kinds, Standing& standing) {
  Commands commands;
  const std::string own = realm_prefix(realm_) + "probe." + face.probe;
  commands.add("HMGET", own, "ledger", "batch");
  for (size_t at = 0; at < keys.size(); ++at) add_read(commands, keys[at], kinds[at]);
  commands.add("HGET", own, "batch");
  std::vector<Value> replies = face.store->ask("", commands);
  const Value& stand = no_error(replies.front(), *face.store);
  if (stand.elements.size() != 2) throw std::runtime_error(face.store->name() + ": it does not tell its batch");
  standing = {text_of(stand.elements[0]), text_of(stand.elements[1]), text_of(replies.back())};
  for (const Value& reply : replies) (void)no_error(reply, *face.store);
  return {std::make_move_iterator(replies.begin() + 1), std::make_move_iterator(replies.end() - 1)};
}

/// What stands alone needs no transaction; of a cluster there is none over several keys.
std::vector<Value> MergedView::ask_cloud(const std::vector<std::string>& keys, const std::vector<KeyKind>& kinds,
                                         std::vector<Standing>& standings) {
  if (cloud_.is_cluster() || standings.empty()) {
    return ask_each(cloud_, keys, [&kinds](Commands& commands, const std::string& key, size_t at) {
      add_read(commands, key, kinds[at]);
    });
  }
  Commands commands;
  commands.add("MULTI");
  for (const Standing& standing : standings) commands.add("GET", standing.ledger.empty() ? "-" : standing.ledger);
  for (size_t at = 0; at < keys.size(); ++at) add_read(commands, keys[at], kinds[at]);
  commands.add("EXEC");
  std::vector<Value> replies = cloud_.ask("", commands);
  std::vector<Value> all = std::move(replies.back().elements);
  (void)no_error(replies.back(), cloud_);
  if (all.size() != standings.size() + keys.size())
    throw std::runtime_error(cloud_.name() + ": its answer to EXEC is none");
  for (const Value& reply : all) (void)no_error(reply, cloud_);
  for (size_t at = 0; at < standings.size(); ++at) standings[at].batch = text_of(all[at]);
  all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(standings.size()));
  return all;
}

std::vector<Answer> MergedView::get(const std::vector<std::string>& keys) {
  constexpr unsigned kRounds = 20;
  const std::vector<KeyKind> kinds = this->kinds(keys);
  std::vector<Answer> answers;
  for (unsigned round = 0; round < kRounds; ++round) {
    // The faces first: whatever they knew to be in the cloud then is there now.
    std::vector<Standing> of_faces(faces_.size());
    std::vector<std::vector<Value>> still;
    for (size_t at = 0; at < faces_.size(); ++at) still.push_back(ask_face(faces_[at], keys, kinds, of_faces[at]));
    std::vector<Standing> of_cloud = of_faces;
    const auto there = ask_cloud(keys, kinds, of_cloud);

    answers.clear();
    bool all_exact = true;
    for (size_t at = 0; at < keys.size(); ++at) {
      Answer answer{keys[at], kinds[at], {}, true};
      const bool counted = is_counted(keys[at], realm_);
      merge(answer, there[at], counted);
      for (size_t face = 0; face < faces_.size(); ++face) {
        merge(answer, still[face][at], counted);
        if (!counted || of_faces[face].ledger.empty()) continue;
        // No ledger yet: nothing was applied.
        const int64_t in_cloud = resp::parse_integer(of_cloud[face].batch).value_or(0);
        const Standing& stand = of_faces[face];
        if (cloud_.is_cluster() || stand.batch != stand.batch_after || in_cloud != resp::parse_integer(stand.batch))
          answer.exact = false;
      }
      all_exact = all_exact && answer.exact;
      answers.push_back(std::move(answer));
    }
    if (all_exact || cloud_.is_cluster()) break;
  }
  return answers;
}

void MergedView::add_bytes(Store& store, const std::vector<std::string>& names,
                           std::vector<std::pair<std::string, uint64_t>>& sums) {
  for (size_t from = 0; from < names.size(); from += kAtOnce) {
    const auto some = std::span(names).subspan(from, std::min(kAtOnce, names.size() - from));
    const auto replies = ask_each(store, some, [](Commands& commands, const std::string& key, size_t) {
      commands.add("HMGET", key, "bytesSent", "bytesRcvd");
    });
    for (size_t at = 0; at < some.size(); ++at) {
      uint64_t bytes = 0;
      for (const Value& one : replies[at].elements)
        bytes += static_cast<uint64_t>(std::max<int64_t>(0, one.as_integer().value_or(0)));
      sums.emplace_back(some[at], bytes);
    }
  }
}

std::vector<MergedView::Top> MergedView::largest(const std::string& tree, size_t count) {
  const std::string pattern = realm_prefix(realm_) + tree + ".*";
  std::vector<std::pair<std::string, uint64_t>> sums;
  add_bytes(cloud_, cloud_.keys(pattern, "hash"), sums);
  for (const Face& face : faces_) add_bytes(*face.store, face.store->keys(pattern, "hash"), sums);
  std::unordered_map<std::string, uint64_t> by_key;
  for (auto& [key, bytes] : sums) by_key[std::move(key)] += bytes;
  std::vector<Top> all;
  for (const auto& [key, bytes] : by_key) all.push_back({key, bytes});
  const auto more = [](const Top& a, const Top& b) { return a.bytes != b.bytes ? a.bytes > b.bytes : a.key < b.key; };
  const size_t kept = std::min(count, all.size());
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(kept), all.end(), more);
  all.resize(kept);
  return all;
}

}  // namespace microcloud
