#include "cloud/merged_view.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <future>
#include <numeric>
#include <stdexcept>
#include <unordered_map>

#include "base/wall_clock.h"
#include "cloud/key_names.h"

namespace microcloud {
namespace {

using resp::Commands;
using resp::Value;

constexpr std::string_view kCountedTrees[] = {"ip.",   "mac.",     "vlan.", "proto.", "port.",
                                              "user.", "service.", "http.", "mysql."};
constexpr size_t kAtOnce = 1'000;  // keys in one request
constexpr unsigned kLeastRounds = 20;
constexpr std::chrono::milliseconds kPatience{500};  // for an exact answer, after those
constexpr int64_t kFreshMs = 5'000;
constexpr int64_t kAnyClockMs = 60'000;  // clocks of machines may differ by so much

constexpr std::pair<std::string_view, KeyKind> kKinds[] = {
    {"none", KeyKind::None},   {"hash", KeyKind::Hash}, {"zset", KeyKind::SortedSet}, {"set", KeyKind::Set},
    {"string", KeyKind::Text}, {"list", KeyKind::List}, {"stream", KeyKind::Stream}};

KeyKind kind_of(const Value& type, const std::string& key, const Store& store) {
  for (const auto& [name, kind] : kKinds)
    if (type.is(name)) return kind;
  throw std::runtime_error(store.name() + ": " + key + " is of the type " + type.text + ", which is not known here");
}

void add_read(Commands& commands, const std::string& key, KeyKind kind, size_t entries) {
  if (kind == KeyKind::SortedSet) commands.add("ZREVRANGE", key, 0, -1, "WITHSCORES");
  if (kind == KeyKind::Set) commands.add("SMEMBERS", key);
  if (kind == KeyKind::Text) commands.add("GET", key);
  if (kind == KeyKind::List) commands.add("LRANGE", key, 0, -1);
  if (kind == KeyKind::Stream) commands.add("XREVRANGE", key, "+", "-", "COUNT", entries);
  if (kind == KeyKind::Hash || kind == KeyKind::None) commands.add("HGETALL", key);
}

/// A face has neither lists nor streams, nor commands for them.
void add_read_of_face(Commands& commands, const std::string& key, KeyKind kind) {
  if (kind == KeyKind::List || kind == KeyKind::Stream) {
    commands.add("EXISTS", key);
  } else {
    add_read(commands, key, kind, 0);
  }
}

void take_entries(Answer& answer, const Value& reply) {
  for (const Value& entry : reply.elements) {
    if (entry.elements.size() != 2) continue;
    Values fields;
    const std::vector<Value>& words = entry.elements[1].elements;
    for (size_t at = 0; at + 1 < words.size(); at += 2) fields.emplace_back(words[at].text, words[at + 1].text);
    answer.entries.emplace_back(entry.elements[0].text, std::move(fields));
  }
}

void merge(Answer& answer, const Value& reply, bool counted) {
  if (counted && answer.kind == KeyKind::Hash) {
    merge_hash(answer.values, reply);
  } else if (counted && answer.kind == KeyKind::SortedSet) {
    merge_sorted_set(answer.values, reply);
  } else if (answer.kind == KeyKind::Stream) {
    take_entries(answer, reply);
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
    if (const std::string* listen = find_value(probe.heartbeat, "listen")) probe.listen = *listen;
    const std::string* beat = find_value(probe.heartbeat, "beat");
    beats.push_back(beat == nullptr ? 0 : resp::parse_integer(*beat).value_or(0));
    latest = std::max(latest, beats.back());
    probes.push_back(std::move(probe));
  }
  const int64_t now = wall_ms();
  // Against this machine's clock, or, should that be wrong, against the latest of them.
  const int64_t since = std::min(now, latest) - kFreshMs;
  for (size_t at = 0; at < probes.size(); ++at) {
    const bool has_ended = find_value(probes[at].heartbeat, "ended") != nullptr;
    const bool may_be = now - beats[at] < kAnyClockMs && !has_ended;
    probes[at].alive = may_be && beats[at] >= since;
    probes[at].silent = may_be && !probes[at].alive;
  }
  return probes;
}

MergedView::MergedView(Store& cloud, std::vector<Face> faces, std::string realm, bool is_whole)
    : cloud_(cloud), faces_(std::move(faces)), ledgers_(faces_.size()), realm_(std::move(realm)), is_whole_(is_whole) {}

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
      if (found[at] == KeyKind::None) found[at] = kind_of(replies[at], keys[at], store);
  };
  look(cloud_);
  for (const Face& face : faces_) look(*face.store);
  return found;
}

/// The batch stands before and behind what is read: where both are the same all of it stands there.
MergedView::FaceReading MergedView::ask_face(const Face& face, const std::vector<std::string>& keys,
                                             const std::vector<KeyKind>& kinds) const {
  Commands commands;
  const std::string own = realm_prefix(realm_) + "probe." + face.probe;
  commands.add("HMGET", own, "ledger", "batch", "lastBatch");
  for (size_t at = 0; at < keys.size(); ++at) add_read_of_face(commands, keys[at], kinds[at]);
  commands.add("HGET", own, "batch");
  std::vector<Value> replies = face.store->ask("", commands);
  const Value& stand = no_error(replies.front(), *face.store);
  if (stand.elements.size() != 3) throw std::runtime_error(face.store->name() + ": it does not tell its batch");
  Standing standing = {text_of(stand.elements[0]), text_of(stand.elements[1]), text_of(stand.elements[2]),
                       text_of(replies.back())};
  for (const Value& reply : replies) (void)no_error(reply, *face.store);
  return {std::move(standing),
          {std::make_move_iterator(replies.begin() + 1), std::make_move_iterator(replies.end() - 1)}};
}

/// All at once, so that they stand at one moment as far as can be.
std::vector<MergedView::FaceReading> MergedView::ask_faces(const std::vector<std::string>& keys,
                                                           const std::vector<KeyKind>& kinds) {
  std::vector<std::future<FaceReading>> asked;
  for (const Face& face : faces_) {
    asked.push_back(std::async(faces_.size() == 1 ? std::launch::deferred : std::launch::async,
                               [&, this] { return ask_face(face, keys, kinds); }));
  }
  std::vector<FaceReading> readings;
  for (std::future<FaceReading>& one : asked) one.wait();
  for (std::future<FaceReading>& one : asked) readings.push_back(one.get());
  return readings;
}

/// What stands alone needs no transaction; of a cluster there is none over several keys.
MergedView::CloudReading MergedView::ask_cloud(const std::vector<std::string>& keys,
                                               const std::vector<KeyKind>& kinds) {
  CloudReading reading;
  for (const std::string& ledger : ledgers_) reading.standings.push_back({ledger, {}, {}, {}});
  if (cloud_.is_cluster() || ledgers_.empty()) {
    reading.replies = ask_each(cloud_, keys, [&kinds, this](Commands& commands, const std::string& key, size_t at) {
      add_read(commands, key, kinds[at], entries_);
    });
    return reading;
  }
  Commands commands;
  commands.add("MULTI");
  for (const std::string& ledger : ledgers_) commands.add("GET", ledger.empty() ? "-" : ledger);
  for (size_t at = 0; at < keys.size(); ++at) add_read(commands, keys[at], kinds[at], entries_);
  commands.add("EXEC");
  std::vector<Value> replies = cloud_.ask("", commands);
  std::vector<Value> all = std::move(replies.back().elements);
  (void)no_error(replies.back(), cloud_);
  if (all.size() != ledgers_.size() + keys.size())
    throw std::runtime_error(cloud_.name() + ": its answer to EXEC is none");
  for (const Value& reply : all) (void)no_error(reply, cloud_);
  for (size_t at = 0; at < ledgers_.size(); ++at) reading.standings[at].batch = text_of(all[at]);
  reading.replies = {std::make_move_iterator(all.begin() + static_cast<std::ptrdiff_t>(ledgers_.size())),
                     std::make_move_iterator(all.end())};
  return reading;
}

/// The faces before the cloud: whatever they knew to be in the cloud then is there now. `twice`: the cloud also before
/// the faces: of a key with very many open flows a face answers late what it was long ago. Not of a cluster, where a
/// face does not tell which of its updates a key had long before.
std::vector<Answer> MergedView::ask(const std::vector<std::string>& keys, const std::vector<KeyKind>& kinds,
                                    bool twice) {
  std::vector<CloudReading> clouds;
  if (twice && !cloud_.is_cluster()) clouds.push_back(ask_cloud(keys, kinds));
  const std::vector<FaceReading> still = ask_faces(keys, kinds);
  for (size_t face = 0; face < still.size(); ++face) ledgers_[face] = still[face].standing.ledger;
  clouds.insert(clouds.begin(), ask_cloud(keys, kinds));

  std::vector<Answer> answers;
  for (size_t at = 0; at < keys.size(); ++at) {
    Answer answer{keys[at], kinds[at], {}, {}, true};
    const bool counted = is_counted(keys[at], realm_);
    const auto meets = [&](const CloudReading& cloud) {
      for (size_t face = 0; counted && face < still.size(); ++face) {
        if (!meet(still[face].standing, cloud.standings[face], still[face].replies[at], cloud.replies[at]))
          return false;
      }
      return true;
    };
    const auto found = std::find_if(clouds.begin(), clouds.end(), meets);
    answer.exact = found != clouds.end();
    merge(answer, (answer.exact ? *found : clouds.front()).replies[at], counted);
    for (const FaceReading& face : still) merge(answer, face.replies[at], counted);
    answers.push_back(std::move(answer));
  }
  return answers;
}

/// All together; what is not exact then again, and fewer at once each time: that is faster, so that less happens
/// meanwhile.
std::vector<Answer> MergedView::get(const std::vector<std::string>& keys, size_t entries) {
  entries_ = entries;
  const auto until = std::chrono::steady_clock::now() + kPatience;
  const std::vector<KeyKind> kinds = this->kinds(keys);
  std::vector<Answer> answers(keys.size());
  std::vector<size_t> open(keys.size());
  std::iota(open.begin(), open.end(), size_t{0});
  size_t at_once = std::max<size_t>(1, keys.size());
  for (unsigned round = 0; !open.empty(); ++round, at_once = (at_once + 1) / 2) {
    if (round >= kLeastRounds && std::chrono::steady_clock::now() >= until) break;
    for (size_t from = 0; from < open.size(); from += at_once) {
      const auto some = std::span(open).subspan(from, std::min(at_once, open.size() - from));
      std::vector<std::string> their_keys;
      std::vector<KeyKind> their_kinds;
      for (const size_t at : some) {
        their_keys.push_back(keys[at]);
        their_kinds.push_back(kinds[at]);
      }
      std::vector<Answer> told = ask(their_keys, their_kinds, round > 0);
      for (size_t number = 0; number < some.size(); ++number) answers[some[number]] = std::move(told[number]);
    }
    std::erase_if(open, [&answers](size_t at) { return answers[at].exact; });
  }
  for (Answer& answer : answers) answer.exact = answer.exact && (is_whole_ || !is_counted(answer.key, realm_));
  return answers;
}

/// Whether all that the probe has sent of a key is in just one of the two answers: what the cloud has is not above what
/// the face does not tell, and not below what it had acknowledged.
bool MergedView::meet(const Standing& face, const Standing& cloud, const Value& of_face, const Value& of_cloud) const {
  if (face.ledger.empty()) return true;
  if (face.ledger != cloud.ledger) return false;  // another life of the probe answered meanwhile
  const int64_t batch = resp::parse_integer(face.batch).value_or(0);
  if (batch < 0) return false;  // something is in the probe's spill file, which it cannot tell
  const int64_t of_key = system_number(of_face, "_batch");
  if (cloud_.is_cluster()) {
    // Each key has a ledger of its own. A key that the face does not have stands where the face stood before.
    const int64_t stands_at = of_face.elements.empty() ? batch : of_key;
    const int64_t ledger = system_number(of_cloud, face.ledger);
    return stands_at > 0 && ledger <= stands_at && ledger >= system_number(of_face, "_applied");
  }
  const int64_t ledger = resp::parse_integer(cloud.batch).value_or(0);  // none yet: nothing was applied
  int64_t stands_at = of_key != 0 ? of_key : batch;                     // a sorted set has no number of its own
  if (of_face.elements.empty()) stands_at = resp::parse_integer(face.last).value_or(batch);
  return ledger <= stands_at && ledger >= resp::parse_integer(face.batch_after).value_or(0);
}

void MergedView::add_sums(Store& store, const std::vector<std::string>& names, const SummedFields& fields, Sums& sums) {
  for (size_t from = 0; from < names.size(); from += kAtOnce) {
    const auto some = std::span(names).subspan(from, std::min(kAtOnce, names.size() - from));
    const auto replies = ask_each(store, some, [&fields](Commands& commands, const std::string& key, size_t) {
      commands.add("HMGET", key, fields[0], fields[1]);
    });
    for (size_t at = 0; at < some.size(); ++at) {
      uint64_t& sum = sums[some[at]];
      for (const Value& one : replies[at].elements)
        sum += static_cast<uint64_t>(std::max<int64_t>(0, one.as_integer().value_or(0)));
    }
  }
}

MergedView::Sums MergedView::sums(const std::string& tree, const SummedFields& fields) {
  const std::string pattern = realm_prefix(realm_) + tree + ".*";
  Sums sums;
  add_sums(cloud_, cloud_.keys(pattern, "hash"), fields, sums);
  for (const Face& face : faces_) add_sums(*face.store, face.store->keys(pattern, "hash"), fields, sums);
  return sums;
}

}  // namespace microcloud
