#include "cloud/key_unit.h"

#include <algorithm>
#include <utility>

#include "cloud/scripts.h"
#include "resp/outcome.h"

namespace microcloud {
namespace {

constexpr size_t kMostMembers = 512;  // in one unit

/// Arguments: ledger, number, h or z, 1 to begin the time to live anew (or the field that a hash must not have for it),
/// that time, then kind, field and value of each; of KeyUpdate::Ending three: what is to be there, what to put there
/// then, and the time to live.
/// Refused as a whole before it begins where the server takes no writes or the user may not write so. Answers 0 and the
/// ledger, or 1, whether the ledger is new, which of these threes were refused (from 0), and the last reason.
constexpr std::string_view kChecked = R"(#!lua
local key, set = KEYS[1], ARGV[3] == 'z'
for _, command in ipairs(set and {'ZADD', 'ZINCRBY', 'EXPIRE'} or {'HSET', 'HINCRBY', 'HSETNX', 'HGET', 'HEXISTS', 'EXPIRE'}) do
  if not redis.acl_check_cmd(command, key, 1, 1) then return redis.error_reply('NOPERM no right to ' .. command) end
end
local last
if set then last = redis.call('ZSCORE', key, ARGV[1]) else last = redis.call('HGET', key, ARGV[1]) end
last = last and math.abs(tonumber(last))
if last and last >= tonumber(ARGV[2]) then return {0, string.format('%.0f', last)} end
if set then redis.call('ZADD', key, '-' .. ARGV[2], ARGV[1]) else redis.call('HSET', key, ARGV[1], ARGV[2]) end
local refused, why, ends, lives = {}, '', false, nil
local function refuse(at, reason)
  refused[#refused + 1] = (at - 6) / 3
  why = reason
end
local function grow(at, ...)
  local reply = redis.pcall(...)
  if type(reply) == 'table' and reply.err then refuse(at, reply.err) end
end
for at = 6, #ARGV, 3 do
  local kind, field, value = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  if kind == '+' then grow(at, 'HINCRBY', key, field, value)
  elseif kind == 'z' then grow(at, 'ZINCRBY', key, value, field)
  elseif kind == '=' then redis.call('HSET', key, field, value)
  elseif kind == 'w' then ends = redis.call('HGET', key, field) == value
  elseif kind == 'm' then if ends then redis.call('HSET', key, field, value) end
  elseif kind == 'x' then if ends then lives = value end
  else
    local old = redis.call('HGET', key, field)
    if old and not tonumber(old) then refuse(at, 'ERR no number in ' .. field)
    elseif not old or tonumber(old) > tonumber(value) then redis.call('HSET', key, field, value) end
  end
end
if ARGV[4] == '1' then redis.call('EXPIRE', key, ARGV[5])
elseif ARGV[4] ~= '0' then
  if redis.call('HEXISTS', key, ARGV[4]) == 0 then redis.call('EXPIRE', key, ARGV[5]) end
elseif not last then redis.call('EXPIRE', key, ARGV[5], 'NX') end
if lives then redis.call('EXPIRE', key, lives) end
return {1, last and 0 or 1, refused, why})";

/// Arguments: ledger, number, seconds, firstSeen, lastSeen. As kChecked, for a hash that still has the ledger: another
/// one has none of the increments of these times. Answers with its firstSeen, too.
constexpr std::string_view kCheckedTimes = R"(#!lua
local key = KEYS[1]
for _, command in ipairs({'HSET', 'HGET', 'TTL', 'EXPIRE'}) do
  if not redis.acl_check_cmd(command, key, 1, 1) then return redis.error_reply('NOPERM no right to ' .. command) end
end
local ledger = redis.call('HGET', key, ARGV[1])
if not ledger then return {1, 0, {}, ''} end
if tonumber(ledger) >= tonumber(ARGV[2]) then return {0, ledger} end
redis.call('HSET', key, ARGV[1], ARGV[2])
local first = redis.call('HGET', key, 'firstSeen')
if first and not tonumber(first) then return {1, 0, {0}, 'ERR no number in firstSeen'} end
if not first or tonumber(first) > tonumber(ARGV[4]) then
  first = ARGV[4]
  redis.call('HSET', key, 'firstSeen', first)
end
local last = redis.call('HGET', key, 'lastSeen')
if not last or (tonumber(last) or 0) < tonumber(ARGV[5]) then redis.call('HSET', key, 'lastSeen', ARGV[5]) end
if redis.call('TTL', key) == -1 then redis.call('EXPIRE', key, ARGV[3]) end
return {1, 0, {}, '', first})";

/// Arguments: most members in all, least of those that are no ledgers. Ledgers have negative scores: the lowest ranks.
constexpr std::string_view kTrim = R"(#!lua
local ledgers = redis.call('ZCOUNT', KEYS[1], '-inf', '(0')
local members = redis.call('ZCARD', KEYS[1]) - ledgers
local most = math.max(tonumber(ARGV[1]) - ledgers, tonumber(ARGV[2]))
if members > most then redis.call('ZREMRANGEBYRANK', KEYS[1], ledgers, ledgers + members - most - 1) end)";

constexpr size_t kBefore = 1;    // replies before the first QUEUED: MULTI
constexpr size_t kLedgerAt = 0;  // in the transaction

using Op = KeyUpdate::Op;

bool is_set_by_hset(const KeyUpdate::Number& one) {
  return one.op == Op::Latest;
}

size_t set_at_once(const KeyUnit& unit) {
  return static_cast<size_t>(std::count_if(unit.numbers.begin(), unit.numbers.end(), is_set_by_hset)) +
         unit.texts.size();
}

void append_hash(resp::Commands& commands, const KeyUnit& unit, const UnitForm& form) {
  commands.add("HSET", unit.key, form.ledger, unit.number);
  for (const KeyUpdate::Number& one : unit.numbers) {
    if (one.op == Op::Add) commands.add("HINCRBY", unit.key, one.field, one.value);
    if (one.op == Op::IfAbsent) commands.add("HSETNX", unit.key, one.field, one.value);
    if (one.op == Op::Earliest) commands.add("EVAL", kEarliestScript, 1, unit.key, one.field, one.value);
  }
  const size_t at_once = set_at_once(unit);
  if (at_once == 0) return;
  commands.start(2 + 2 * at_once);
  commands.argument("HSET");
  commands.argument(unit.key);
  for (const KeyUpdate::Number& one : unit.numbers) {
    if (!is_set_by_hset(one)) continue;
    commands.argument(one.field);
    commands.argument(one.value);
  }
  for (const KeyUpdate::Text& one : unit.texts) {
    commands.argument(one.field);
    commands.argument(one.value);
  }
}

size_t transaction_size(const KeyUnit& unit) {
  const size_t refresh = (unit.refreshes ? 1 : 0) + (unit.ending ? 1 : 0);
  if (unit.is_set()) return 2 + unit.members.size() + refresh;
  const size_t at_once = set_at_once(unit);
  return 1 + unit.numbers.size() + unit.texts.size() - at_once + (at_once > 0 ? 1 : 0) + refresh;
}

/// Of the transaction: those that bring no increment, beside what the unit itself needs (the ledger, ZCARD).
size_t other_commands(const KeyUnit& unit) {
  const auto adds = [](const KeyUpdate::Number& one) { return one.op == Op::Add; };
  const auto increments = unit.is_set()
                              ? unit.members.size() + 1
                              : static_cast<size_t>(std::count_if(unit.numbers.begin(), unit.numbers.end(), adds));
  return transaction_size(unit) - 1 - increments;
}

const char* kind_of(Op op) {
  switch (op) {
    case Op::Add:
      return "+";
    case Op::Latest:
      return "=";
    case Op::IfAbsent:  // another one's may be later
    case Op::Earliest:
      return "<";
  }
  return "";
}

/// For good: what is not permitted may be later. `increments`: that the command brings.
void count_refusal(UnitVerdict& verdict, const resp::Value& reply, uint64_t increments) {
  if (!reply.is_error() || is_not_permitted(reply)) return;
  verdict.refused += increments;
  if (increments == 0) ++verdict.refused_others;
  verdict.refusal = &reply;
}

/// Of what a unit holds, in the order of append_checked().
uint64_t increments_at(const KeyUnit& unit, size_t at) {
  if (at < unit.members.size()) return unit.members[at].second.increments;
  at -= unit.members.size();
  return at < unit.numbers.size() ? unit.numbers[at].increments : 0;
}

/// Of the transaction: the ledger's reply first, then those of the increments in their order.
void judge_results(const KeyUnit& unit, const std::vector<resp::Value>& results, const UnitForm& form,
                   UnitVerdict& verdict) {
  verdict.kind = UnitVerdict::Kind::Applied;
  for (size_t at = 0; at < results.size(); ++at) {
    if (!is_not_permitted(results[at])) continue;
    verdict.not_permitted.push_back(at);
    verdict.why = &results[at];
  }
  verdict.born = results[kLedgerAt].as_integer() == 1;
  if (unit.is_set()) {
    size_t at = kLedgerAt + 1;
    for (const auto& one : unit.members) count_refusal(verdict, results[at++], one.second.increments);
    const auto members = results[at++].as_integer();
    verdict.too_many = members && *members > static_cast<int64_t>(form.members);
    for (; at < results.size(); ++at) count_refusal(verdict, results[at], 0);
    return;
  }
  size_t at = kLedgerAt + 1;
  for (const KeyUpdate::Number& one : unit.numbers) {
    if (is_set_by_hset(one)) continue;
    if (one.op == Op::IfAbsent && results[at].as_integer() == 0) verdict.was_told = true;
    count_refusal(verdict, results[at++], one.increments);
  }
  for (; at < results.size(); ++at) count_refusal(verdict, results[at], 0);
}

KeyUnit unit_of(const KeyUpdate& update, resp::Slot slot) {
  KeyUnit unit;
  unit.slot = slot;
  unit.key = update.key();
  unit.numbers = update.numbers();
  unit.texts = update.texts();
  unit.times = update.times();
  unit.begins = update.begins();
  unit.refreshes = update.refreshes();
  unit.refreshes_unless = update.refreshes_unless();
  unit.ending = update.ending();
  unit.increments = update.increments();
  unit.since_ms = update.since_ms();
  unit.packet_us = update.packet_us();
  return unit;
}

}  // namespace

size_t KeyUnit::bytes() const {
  size_t sum = sizeof(KeyUnit) + key.size() + numbers.size() * sizeof(KeyUpdate::Number);
  for (const KeyUpdate::Text& one : texts) sum += sizeof one + one.field.size() + one.value.size();
  for (const auto& one : members) sum += sizeof one + one.first.size();
  return sum;
}

bool tells_first(const KeyUnit& unit) {
  return std::any_of(unit.numbers.begin(), unit.numbers.end(), [](const auto& one) { return one.op == Op::IfAbsent; });
}

KeyUnit question_of_times(const KeyUnit& unit) {
  KeyUnit question;
  question.slot = unit.slot;
  question.key = unit.key;
  question.times = unit.times;
  question.asks_times = true;
  question.begins = unit.begins || tells_first(unit);
  question.numbers = {{kFirstSeenField, unit.times.first_ms, Op::Earliest},
                      {kLastSeenField, unit.times.last_ms, Op::Latest}};
  return question;
}

void append_plain(resp::Commands& commands, const KeyUnit& unit, const UnitForm& form) {
  commands.add("MULTI");
  if (unit.is_set()) {
    commands.add("ZADD", unit.key, -static_cast<int64_t>(unit.number), form.ledger);
    for (const auto& [member, sum] : unit.members) commands.add("ZINCRBY", unit.key, sum.amount, member);
    commands.add("ZCARD", unit.key);
  } else {
    append_hash(commands, unit, form);
  }
  if (unit.refreshes && !unit.refreshes_unless.empty()) {
    commands.add("EVAL", kRefreshUnlessScript, 1, unit.key, form.ttl_s, unit.refreshes_unless);
  } else if (unit.refreshes) {
    commands.add("EXPIRE", unit.key, form.ttl_s);
  }
  if (unit.ending)
    commands.add("EVAL", kEndScript, 1, unit.key, unit.ending->field, unit.ending->value, unit.ending->mark,
                 unit.ending->mark_value, unit.ending->seconds);
  commands.add("EXEC");
}

size_t plain_replies(const KeyUnit& unit) {
  return kBefore + transaction_size(unit) + 1;
}

void append_checked(resp::Commands& commands, const KeyUnit& unit, const UnitForm& form) {
  if (unit.asks_times) {
    commands.add("EVAL", kCheckedTimes, 1, unit.key, form.ledger, unit.number, form.ttl_s, unit.times.first_ms,
                 unit.times.last_ms);
    return;
  }
  const size_t ops = unit.numbers.size() + unit.texts.size() + unit.members.size() + (unit.ending ? 3 : 0);
  commands.start(9 + 3 * ops);
  commands.argument("EVAL");
  commands.argument(kChecked);
  commands.argument(1);
  commands.argument(unit.key);
  commands.argument(form.ledger);
  commands.argument(unit.number);
  commands.argument(unit.is_set() ? "z" : "h");
  commands.argument(!unit.refreshes ? "0" : unit.refreshes_unless.empty() ? "1" : unit.refreshes_unless);
  commands.argument(form.ttl_s);
  for (const auto& [member, sum] : unit.members) {
    commands.argument("z");
    commands.argument(member);
    commands.argument(sum.amount);
  }
  for (const KeyUpdate::Number& one : unit.numbers) {
    commands.argument(kind_of(one.op));
    commands.argument(one.field);
    commands.argument(one.value);
  }
  for (const KeyUpdate::Text& one : unit.texts) {
    commands.argument("=");
    commands.argument(one.field);
    commands.argument(one.value);
  }
  if (!unit.ending) return;
  const auto add = [&commands](std::string_view kind, const auto& field, const auto& value) {
    commands.argument(kind);
    commands.argument(field);
    commands.argument(value);
  };
  add("w", unit.ending->field, unit.ending->value);
  add("m", unit.ending->mark, unit.ending->mark_value);
  add("x", std::string_view("ttl"), unit.ending->seconds);
}

void append_trim(resp::Commands& commands, std::string_view key, const UnitForm& form) {
  commands.add("EVAL", kTrim, 1, key, form.members, form.least_members);
}

UnitVerdict judge_plain(const KeyUnit& unit, const resp::Value* replies, size_t count, const UnitForm& form) {
  UnitVerdict verdict;
  if (count < plain_replies(unit)) return verdict;
  const resp::Value& exec = replies[count - 1];
  if (exec.type == resp::Type::Array && exec.elements.size() == transaction_size(unit)) {
    judge_results(unit, exec.elements, form, verdict);
    return verdict;
  }
  if (!exec.is_error() || replies[0].is_error()) return verdict;  // without MULTI each command ran by itself
  verdict.kind = UnitVerdict::Kind::NotApplied;
  // EXEC says only that something was wrong; the first error says what.
  verdict.error = std::find_if(replies, replies + count, [](const resp::Value& one) { return one.is_error(); });
  return verdict;
}

UnitVerdict judge_checked(const KeyUnit& unit, const resp::Value* reply) {
  UnitVerdict verdict;
  verdict.checked = true;
  if (reply == nullptr) return verdict;
  if (reply->is_error()) {
    verdict.kind = UnitVerdict::Kind::NotApplied;
    verdict.error = reply;
    if (resp::provably_unapplied(*reply) || resp::outcome_of(*reply) == resp::Outcome::Retry) return verdict;
    verdict.kind = UnitVerdict::Kind::Applied;  // another type under the key: it will never be
    verdict.refused = unit.increments;
    verdict.refused_others = other_commands(unit);
    verdict.refusal = reply;
    return verdict;
  }
  const std::vector<resp::Value>& parts = reply->elements;
  const auto part = [&parts](size_t at) { return at < parts.size() ? parts[at].as_integer().value_or(0) : 0; };
  verdict.kind = part(0) == 1 ? UnitVerdict::Kind::Applied : UnitVerdict::Kind::Repeat;
  if (verdict.kind == UnitVerdict::Kind::Repeat) {
    verdict.ledger = static_cast<uint64_t>(part(1));
    return verdict;
  }
  verdict.born = part(1) == 1;
  if (unit.asks_times && parts.size() > 4) verdict.first_ms = parts[4].as_integer();
  if (parts.size() < 4) return verdict;
  for (const resp::Value& one : parts[2].elements) {
    const uint64_t increments = increments_at(unit, static_cast<size_t>(one.as_integer().value_or(0)));
    verdict.refused += increments;
    if (increments == 0) ++verdict.refused_others;
    verdict.refusal = &parts[3];
  }
  return verdict;
}

KeyUnit take_out(KeyUnit& unit, const std::vector<size_t>& commands) {
  const auto is_taken = [&commands](size_t at) {
    return std::find(commands.begin(), commands.end(), at) != commands.end();
  };
  KeyUnit taken;
  taken.slot = unit.slot;
  taken.key = unit.key;
  taken.since_ms = unit.since_ms;
  taken.of_set = unit.of_set = unit.is_set();
  size_t at = kLedgerAt + 1;
  if (unit.is_set()) {
    std::erase_if(unit.members, [&](const auto& one) {
      if (!is_taken(at++)) return false;
      taken.members.push_back(one);
      return true;
    });
    ++at;  // ZCARD
  } else {
    const size_t at_once = set_at_once(unit);
    std::vector<KeyUpdate::Number> rest, last;
    for (const KeyUpdate::Number& one : unit.numbers) {
      if (is_set_by_hset(one)) {
        last.push_back(one);
      } else {
        (is_taken(at++) ? taken.numbers : rest).push_back(one);
      }
    }
    const bool sets = at_once > 0 && is_taken(at);
    std::vector<KeyUpdate::Number>& of_last = sets ? taken.numbers : rest;
    of_last.insert(of_last.end(), last.begin(), last.end());
    if (sets) taken.texts = std::exchange(unit.texts, {});
    unit.numbers = std::move(rest);
    if (at_once > 0) ++at;
  }
  if (unit.refreshes && is_taken(at++)) {
    taken.refreshes = std::exchange(unit.refreshes, false);
    taken.refreshes_unless = unit.refreshes_unless;
  }
  if (unit.ending && is_taken(at)) taken.ending = std::exchange(unit.ending, std::nullopt);
  for (const KeyUpdate::Number& one : taken.numbers) taken.increments += one.increments;
  for (const auto& one : taken.members) taken.increments += one.second.increments;
  unit.increments -= taken.increments;
  return taken;
}

UnitCut cut_units(MergeBuffer& buffer, size_t most, const std::function<bool(resp::Slot)>& takes) {
  UnitCut cut;
  while (cut.units.size() < most && buffer.ready() > 0) {
    ++cut.looked_at;
    const KeyUpdate& update = buffer.front();
    const resp::Slot slot = resp::slot_of(update.key());
    if (!takes(slot)) {
      buffer.shelve_front(slot);
      continue;
    }
    KeyUnit unit = unit_of(update, slot);
    if (!update.members().empty()) unit.members = buffer.take_members(kMostMembers);
    if (update.members().empty()) {
      buffer.pop_front();
    } else {
      unit.increments -= update.increments();
      buffer.shelve_front(slot);  // the rest goes when this is answered
      cut.divided.push_back(slot);
    }
    cut.units.push_back(std::move(unit));
  }
  return cut;
}

}  // namespace microcloud
