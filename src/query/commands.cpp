#include "query/commands.h"

#include <algorithm>
#include <cctype>

#include "resp/glob.h"
#include "resp/server.h"

namespace microcloud {
namespace {

using resp::is_command;
using resp::ReplyWriter;
using Entries = std::span<const Entry* const>;
using Type = Entry::Type;

/// False, and the reply is written: another type stands there.
bool is_or_none(const Entry& entry, Type type, ReplyWriter reply) {
  if (entry.type == type || entry.type == Type::None) return true;
  reply.error("WRONGTYPE Operation against a key holding the wrong kind of value");
  return false;
}

void write_or_null(ReplyWriter reply, const std::string* text) {
  if (text == nullptr) {
    reply.null();
  } else {
    reply.bulk(*text);
  }
}

void answer_exists(const CommandWords&, Entries entries, ReplyWriter reply) {
  reply.integer(
      std::count_if(entries.begin(), entries.end(), [](const Entry* one) { return one->type != Type::None; }));
}

void answer_type(const CommandWords&, Entries entries, ReplyWriter reply) {
  reply.simple(entries[0]->type_name());
}

void answer_ttl(const CommandWords&, Entries entries, ReplyWriter reply) {
  reply.integer(entries[0]->type == Type::None ? -2 : -1);
}

void answer_get(const CommandWords&, Entries entries, ReplyWriter reply) {
  if (!is_or_none(*entries[0], Type::String, reply)) return;
  write_or_null(reply, entries[0]->type == Type::None ? nullptr : &entries[0]->text);
}

void answer_strlen(const CommandWords&, Entries entries, ReplyWriter reply) {
  if (is_or_none(*entries[0], Type::String, reply)) reply.integer(static_cast<int64_t>(entries[0]->text.size()));
}

void answer_hget(const CommandWords& words, Entries entries, ReplyWriter reply) {
  if (is_or_none(*entries[0], Type::Hash, reply)) write_or_null(reply, entries[0]->field(words[2]));
}

void answer_hmget(const CommandWords& words, Entries entries, ReplyWriter reply) {
  if (!is_or_none(*entries[0], Type::Hash, reply)) return;
  reply.array(words.size() - 2);
  for (size_t at = 2; at < words.size(); ++at) write_or_null(reply, entries[0]->field(words[at]));
}

void answer_hgetall(const CommandWords&, Entries entries, ReplyWriter reply) {
  if (!is_or_none(*entries[0], Type::Hash, reply)) return;
  reply.map(entries[0]->fields.size());
  for (const auto& [name, value] : entries[0]->fields) {
    reply.bulk(name);
    reply.bulk(value);
  }
}

void answer_hkeys(const CommandWords&, Entries entries, ReplyWriter reply) {
  if (!is_or_none(*entries[0], Type::Hash, reply)) return;
  reply.array(entries[0]->fields.size());
  for (const auto& [name, value] : entries[0]->fields) reply.bulk(name);
}

void answer_hlen(const CommandWords&, Entries entries, ReplyWriter reply) {
  if (is_or_none(*entries[0], Type::Hash, reply)) reply.integer(static_cast<int64_t>(entries[0]->fields.size()));
}

void answer_hexists(const CommandWords& words, Entries entries, ReplyWriter reply) {
  if (is_or_none(*entries[0], Type::Hash, reply)) reply.integer(entries[0]->field(words[2]) != nullptr ? 1 : 0);
}

/// All of it at once, as Redis does with small ones; and as with Redis nobody looks at the options where nothing
/// stands.
void answer_hscan(const CommandWords& words, Entries entries, ReplyWriter reply) {
  const auto cursor = resp::parse_integer(words[2]);
  if (!cursor || *cursor < 0) return reply.error("ERR invalid cursor");
  if (!is_or_none(*entries[0], Type::Hash, reply)) return;
  std::string_view pattern = "*";
  for (size_t at = 3; at < words.size() && entries[0]->type != Type::None; at += 2) {
    const bool has_value = at + 1 < words.size();
    if (has_value && is_command(words[at], "MATCH")) {
      pattern = words[at + 1];
    } else if (has_value && is_command(words[at], "COUNT")) {
      const auto count = resp::parse_integer(words[at + 1]);
      if (!count) return reply.error("ERR value is not an integer or out of range");
      if (*count < 1) return reply.error("ERR syntax error");
    } else {
      return reply.error("ERR syntax error");
    }
  }
  const resp::Glob glob(pattern);
  Entry::Fields found;
  for (const auto& field : entries[0]->fields) {
    if (glob.matches(field.first)) found.push_back(field);
  }
  reply.array(2);
  reply.bulk("0");
  reply.array(2 * found.size());
  for (const auto& [name, value] : found) {
    reply.bulk(name);
    reply.bulk(value);
  }
}

void write_range(const CommandWords& words, const Entry& entry, bool reversed, ReplyWriter reply) {
  const auto from = resp::parse_integer(words[2]), to = resp::parse_integer(words[3]);
  bool with_scores = false;
  for (size_t at = 4; at < words.size(); ++at) {
    if (is_command(words[at], "WITHSCORES")) {
      with_scores = true;
    } else if (is_command(words[at], "REV") && is_command(words[0], "ZRANGE")) {
      reversed = true;
    } else {
      return reply.error("ERR syntax error");
    }
  }
  if (!from || !to) return reply.error("ERR value is not an integer or out of range");
  if (!is_or_none(entry, Type::SortedSet, reply)) return;
  const auto size = static_cast<int64_t>(entry.members.size());
  const int64_t first = std::max<int64_t>(0, *from < 0 ? std::max<int64_t>(*from, -size) + size : *from);
  const int64_t last = std::min(size - 1, *to < 0 ? std::max<int64_t>(*to, -size - 1) + size : *to);
  const auto count = static_cast<size_t>(std::max<int64_t>(0, last - first + 1));
  reply.array(with_scores && !reply.is_resp3() ? 2 * count : count);
  for (int64_t at = first; at <= last; ++at) {
    const auto& [member, score] = entry.members[static_cast<size_t>(reversed ? size - 1 - at : at)];
    if (with_scores && reply.is_resp3()) reply.array(2);
    reply.bulk(member);
    if (with_scores) reply.real(static_cast<double>(score));
  }
}

void answer_zrange(const CommandWords& words, Entries entries, ReplyWriter reply) {
  write_range(words, *entries[0], false, reply);
}

void answer_zrevrange(const CommandWords& words, Entries entries, ReplyWriter reply) {
  write_range(words, *entries[0], true, reply);
}

void answer_zscore(const CommandWords& words, Entries entries, ReplyWriter reply) {
  const Entry& entry = *entries[0];
  if (!is_or_none(entry, Type::SortedSet, reply)) return;
  const auto found =
      std::find_if(entry.members.begin(), entry.members.end(), [&](const auto& one) { return one.first == words[2]; });
  if (found == entry.members.end()) return reply.null();
  reply.real(static_cast<double>(found->second));
}

void answer_zcard(const CommandWords&, Entries entries, ReplyWriter reply) {
  if (is_or_none(*entries[0], Type::SortedSet, reply)) reply.integer(static_cast<int64_t>(entries[0]->members.size()));
}

/// Probes have no sets.
void answer_smembers(const CommandWords&, Entries entries, ReplyWriter reply) {
  if (entries[0]->type != Type::None)
    return reply.error("WRONGTYPE Operation against a key holding the wrong kind of value");
  reply.set(0);
}

constexpr std::string_view kMemoryHelp[] = {
    "USAGE <key> [SAMPLES <count>]",
    "    About so many bytes the key's content takes; it is never sampled.",
};

constexpr std::string_view kCommandHelp[] = {
    "(no subcommand)",           "    All commands.",           "COUNT",
    "    How many there are.",   "DOCS [<command-name> ...]",   "    Nothing: docs/keys.md tells them.",
    "INFO [<command-name> ...]", "    These commands, or all.", "LIST",
    "    Their names.",
};

void answer_memory(const CommandWords& words, Entries entries, ReplyWriter reply) {
  const resp::CommandView view(words.begin(), words.end());
  if (is_command(words[1], "HELP")) {
    if (words.size() > 2) return resp::write_wrong_arity(reply, resp::with_subcommand(view));
    return resp::write_help(reply, words[0], kMemoryHelp);
  }
  if (!is_command(words[1], "USAGE")) return resp::write_unknown_subcommand(reply, view);
  if (words.size() < 3) return resp::write_wrong_arity(reply, resp::with_subcommand(view));
  for (size_t at = 3; at < words.size(); at += 2) {
    if (at + 1 == words.size() || !is_command(words[at], "SAMPLES")) return reply.error("ERR syntax error");
    const auto samples = resp::parse_integer(words[at + 1]);
    if (!samples) return reply.error("ERR value is not an integer or out of range");
    if (*samples < 0) return reply.error("ERR syntax error");
  }
  if (entries[0]->type == Type::None) return reply.null();
  reply.integer(static_cast<int64_t>(entries[0]->bytes()));
}

using Kind = FaceCommand::Kind;

// Sorted by name.
constexpr FaceCommand kCommands[] = {
    {"command", -1, Kind::Itself, 0, 0},
    {"dbsize", 1, Kind::Listing, 0, 0},
    {"exists", -2, Kind::Point, 1, -1, answer_exists},
    {"get", 2, Kind::Point, 1, 1, answer_get},
    {"hexists", 3, Kind::Point, 1, 1, answer_hexists},
    {"hget", 3, Kind::Point, 1, 1, answer_hget},
    {"hgetall", 2, Kind::Point, 1, 1, answer_hgetall},
    {"hkeys", 2, Kind::Point, 1, 1, answer_hkeys},
    {"hlen", 2, Kind::Point, 1, 1, answer_hlen},
    {"hmget", -3, Kind::Point, 1, 1, answer_hmget},
    {"hscan", -3, Kind::Point, 1, 1, answer_hscan},
    {"info", -1, Kind::Itself, 0, 0},
    {"keys", 2, Kind::Listing, 0, 0},
    {"memory", -2, Kind::Point, 2, 2, answer_memory},
    {"pttl", 2, Kind::Point, 1, 1, answer_ttl},
    {"scan", -2, Kind::Listing, 0, 0},
    {"smembers", 2, Kind::Point, 1, 1, answer_smembers},
    {"strlen", 2, Kind::Point, 1, 1, answer_strlen},
    {"ttl", 2, Kind::Point, 1, 1, answer_ttl},
    {"type", 2, Kind::Point, 1, 1, answer_type},
    {"zcard", 2, Kind::Point, 1, 1, answer_zcard},
    {"zrange", -4, Kind::Point, 1, 1, answer_zrange},
    {"zrevrange", -4, Kind::Point, 1, 1, answer_zrevrange},
    {"zscore", 3, Kind::Point, 1, 1, answer_zscore},
};

// Answered by the session itself (resp/session_commands.cpp).
constexpr FaceCommand kOfSession[] = {
    {"auth", -2, Kind::Itself, 0, 0},         {"client", -2, Kind::Itself, 0, 0},
    {"echo", 2, Kind::Itself, 0, 0},          {"hello", -1, Kind::Itself, 0, 0},
    {"ping", -1, Kind::Itself, 0, 0},         {"psubscribe", -2, Kind::Itself, 0, 0},
    {"punsubscribe", -1, Kind::Itself, 0, 0}, {"quit", -1, Kind::Itself, 0, 0},
    {"reset", 1, Kind::Itself, 0, 0},         {"select", 2, Kind::Itself, 0, 0},
    {"subscribe", -2, Kind::Itself, 0, 0},    {"unsubscribe", -1, Kind::Itself, 0, 0},
};

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

const FaceCommand* find_any(std::string_view name) {
  if (const FaceCommand* own = find_command(name); own != nullptr) return own;
  const auto* end = std::end(kOfSession);
  const auto* found = std::find_if(std::begin(kOfSession), end,
                                   [wanted = lower(name)](const FaceCommand& one) { return one.name == wanted; });
  return found == end ? nullptr : found;
}

void write_command(const FaceCommand& command, ReplyWriter reply) {
  reply.array(6);
  reply.bulk(command.name);
  reply.integer(command.arity);
  reply.array(1);
  reply.simple(command.first_key > 0 ? "readonly" : "fast");
  reply.integer(command.first_key);
  reply.integer(command.last_key);
  reply.integer(command.first_key > 0 ? 1 : 0);
}

}  // namespace

const FaceCommand* find_command(std::string_view name) {
  constexpr size_t kLongest = 16;
  if (name.size() > kLongest) return nullptr;
  const std::string wanted = lower(name);
  const auto* found = std::lower_bound(std::begin(kCommands), std::end(kCommands), wanted,
                                       [](const FaceCommand& one, const std::string& text) { return one.name < text; });
  return found != std::end(kCommands) && found->name == wanted ? found : nullptr;
}

bool has_arity(const FaceCommand& command, size_t words) {
  const auto count = static_cast<int>(std::min<size_t>(words, INT32_MAX));
  return command.arity >= 0 ? count == command.arity : count >= -command.arity;
}

void write_commands(const CommandWords& words, ReplyWriter reply) {
  constexpr size_t kAll = std::size(kCommands) + std::size(kOfSession);
  const std::string what = words.size() > 1 ? lower(words[1]) : "";
  const resp::CommandView view(words.begin(), words.end());
  if ((what == "count" || what == "help") && words.size() > 2)
    return resp::write_wrong_arity(reply, resp::with_subcommand(view));
  if (what == "count") return reply.integer(static_cast<int64_t>(kAll));
  if (what == "help") return resp::write_help(reply, words[0], kCommandHelp);
  if (what == "docs") return reply.map(0);
  if (what == "info" && words.size() > 2) {
    reply.array(words.size() - 2);
    for (size_t at = 2; at < words.size(); ++at) {
      if (const FaceCommand* found = find_any(words[at]); found != nullptr) {
        write_command(*found, reply);
      } else {
        reply.null();
      }
    }
    return;
  }
  if (!what.empty() && what != "list" && what != "info") return resp::write_unknown_subcommand(reply, view);
  reply.array(kAll);
  for (const auto& commands : {std::span<const FaceCommand>(kCommands), std::span<const FaceCommand>(kOfSession)}) {
    for (const FaceCommand& one : commands) what == "list" ? reply.bulk(one.name) : write_command(one, reply);
  }
}

}  // namespace microcloud
