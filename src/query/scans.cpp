#include "query/scans.h"

#include <algorithm>
#include <cctype>

#include "resp/server.h"

namespace microcloud {
namespace {

constexpr unsigned kShift = 32;
constexpr uint64_t kMostInPart = 1 << 20;  // names; COUNT is a wish

}  // namespace

bool ScanOptions::read(const std::vector<std::string>& words, resp::ReplyWriter reply) {
  const auto number = resp::parse_integer(words[1]);
  if (!number || *number < 0) return reply.error("ERR invalid cursor"), false;
  cursor = static_cast<uint64_t>(*number);
  for (size_t at = 2; at < words.size(); at += 2) {
    if (at + 1 == words.size()) return reply.error("ERR syntax error"), false;
    if (resp::is_command(words[at], "MATCH")) {
      pattern = words[at + 1];
    } else if (resp::is_command(words[at], "TYPE")) {
      type = words[at + 1];
      std::transform(type.begin(), type.end(), type.begin(), [](unsigned char c) { return std::tolower(c); });
    } else if (resp::is_command(words[at], "COUNT")) {
      const auto wanted = resp::parse_integer(words[at + 1]);
      if (!wanted) return reply.error("ERR value is not an integer or out of range"), false;
      if (*wanted < 1) return reply.error("ERR syntax error"), false;
      count = static_cast<uint64_t>(*wanted);
    } else {
      return reply.error("ERR syntax error"), false;
    }
  }
  return true;
}

void Scans::begin(Names names, uint64_t count, resp::ReplyWriter reply) {
  bytes_ += names->bytes();
  const Place scan = scans_.emplace(next_++, Scan{std::move(names), {}}).first;
  give(scan, 0, count, reply);
  forget();
}

void Scans::go_on(uint64_t cursor, uint64_t count, resp::ReplyWriter reply) {
  const auto scan = scans_.find(cursor >> kShift);
  if (scan == scans_.end()) return reply.error("ERR invalid cursor");
  give(scan, cursor & ((uint64_t{1} << kShift) - 1), count, reply);
}

void Scans::give(Place scan, uint64_t from, uint64_t count, resp::ReplyWriter reply) {
  const KeyNamesFound& names = *scan->second.names;
  const uint64_t begin = std::min<uint64_t>(from, names.size());
  const uint64_t end = begin + std::min<uint64_t>({count, kMostInPart, names.size() - begin});
  reply.array(2);
  reply.bulk(end == names.size() ? "0" : std::to_string(scan->first << kShift | end));
  reply.array(end - begin);
  for (uint64_t at = begin; at < end; ++at) reply.bulk(names.name(at));
  scan->second.used = Clock::now();
  if (end == names.size()) erase(scan);
}

void Scans::erase(Place scan) {
  bytes_ -= scan->second.names->bytes();
  scans_.erase(scan);
}

void Scans::forget() {
  const auto now = Clock::now();
  for (Place scan = scans_.begin(); scan != scans_.end();) {
    const Place one = scan++;
    if (now - one->second.used > kKept) erase(one);
  }
  while (scans_.size() > kMost || (scans_.size() > 1 && bytes_ > most_bytes_)) {
    erase(std::min_element(scans_.begin(), scans_.end(),
                           [](const auto& a, const auto& b) { return a.second.used < b.second.used; }));
  }
}

}  // namespace microcloud
