// Scripts for what one command cannot do to a key, small enough to be sent each time. Each may run again after a call
// of its own was refused.
#pragma once

#include <string_view>

#include "resp/outcome.h"

namespace microcloud {

/// Arguments: field and number. Keeps the smaller one.
inline constexpr std::string_view kEarliestScript =
    "local v = redis.call('HGET', KEYS[1], ARGV[1])\n"
    "if not v or tonumber(v) > tonumber(ARGV[2]) then redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end";

inline constexpr std::string_view kFirstSeenField = "firstSeen", kLastSeenField = "lastSeen";

/// Of a hash that is there and was perhaps born again by increments of these times: it gets them, where it has none or
/// others that are not as early (firstSeen) or as late (lastSeen), and a time to live where it has none. Arguments:
/// seconds, firstSeen, lastSeen, and the same two as they are not its own if they stand there (empty: none), as they
/// were told of a key of this name that has gone since. Answers with the firstSeen that stands there then; null: there
/// is no key.
inline constexpr std::string_view kTimesScript =
    "local lives = redis.call('TTL', KEYS[1])\n"
    "if lives == -2 then return false end\n"
    "local first = redis.call('HGET', KEYS[1], 'firstSeen')\n"
    "if not first or first == ARGV[4] or tonumber(first) > tonumber(ARGV[2]) then\n"
    "first = ARGV[2] redis.call('HSET', KEYS[1], 'firstSeen', first) end\n"
    "local last = redis.call('HGET', KEYS[1], 'lastSeen')\n"
    "if not last or last == ARGV[5] or tonumber(last) < tonumber(ARGV[3]) then redis.call('HSET', KEYS[1], 'lastSeen', "
    "ARGV[3]) end\n"
    "if lives == -1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end\n"
    "return first";

/// Arguments: seconds and field. A time to live of so long for a hash that does not have the field.
inline constexpr std::string_view kRefreshUnlessScript =
    "if redis.call('HEXISTS', KEYS[1], ARGV[2]) == 0 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end";

/// Arguments: field and value that the hash must have, field and value that it gets then, seconds that it lives on.
inline constexpr std::string_view kEndScript =
    "if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then "
    "redis.call('HSET', KEYS[1], ARGV[3], ARGV[4]) redis.call('EXPIRE', KEYS[1], ARGV[5]) end";

/// Of a command in a transaction that was run: the user may not run it any more, or not what the script calls.
inline bool is_not_permitted(const resp::Value& reply) {
  return resp::error_code(reply) == "NOPERM" ||
         (reply.is_error() && reply.text.find("The user executing the script can't") != std::string::npos);
}

}  // namespace microcloud
