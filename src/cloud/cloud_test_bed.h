// What tests of the cloud room share: records of traffic, and what a node would hold of what a buffer gives out.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "cloud/accounting.h"

namespace microcloud::cloud_test {

/// A type of records with traffic as their body, and one of transactions.
inline Traffic body_itself(const void* body) {
  return *static_cast<const Traffic*>(body);
}
inline const RecordType kFlowType{"flow", "flow", {}, sizeof(Traffic), {}, &body_itself};

struct Query {
  std::optional<uint16_t> code;
  uint32_t count = 1;
};
inline constexpr CloudRule kQueryRules[] = {
    grow(Entity::Source, "dns.queries", "queries"),
    grow(Entity::Source, "dns.nxdomain", "no such name").when<&Query::code>(3),
    grow(Entity::Destination, "dns.messages", "messages").by<&Query::count>(),
};
struct Lesson {
  IpAddress host;
  std::string_view name = {};
  HostSystem system = HostSystem::Unknown;
};
inline void teach_it(const RecordRef& record, HostLessons& lessons) {
  const Lesson& lesson = *static_cast<const Lesson*>(record.body);
  if (!lesson.name.empty()) lessons.name(lesson.host, lesson.name);
  if (lesson.system != HostSystem::Unknown) lessons.system(lesson.host, lesson.system);
}
inline const RecordType kLessonType{
    .name = "lesson", .meaning = "lesson", .fields = {}, .body_size = sizeof(Lesson), .teach = &teach_it};
inline const RecordType kQueryType{"dns", "query", {}, sizeof(Query), kQueryRules};

inline IpAddress ip(uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
  const uint8_t bytes[] = {a, b, c, d};
  return IpAddress::v4(bytes);
}

/// The keys of a node.
struct Node {
  std::map<std::string, std::map<std::string, int64_t>> numbers;
  std::map<std::string, std::map<std::string, std::string>> texts;
  std::map<std::string, std::map<std::string, int64_t>> sets;
  std::map<std::string, std::string> endings;  // "<seconds> where <field> is <value>: <mark> <its value>"
  std::map<std::string, unsigned> refreshed;   // how often a key's time to live began anew

  /// Takes all that waits, as a node would.
  void take(MergeBuffer& buffer) {
    buffer.hurry();
    while (buffer.size() > 0) {
      const KeyUpdate& update = buffer.front();
      for (const KeyUpdate::Number& one : update.numbers()) apply(numbers[update.key()], one);
      for (const KeyUpdate::Text& one : update.texts()) texts[update.key()][std::string(one.field)] = one.value;
      for (const auto& [member, sum] : update.members()) sets[update.key()][member] += sum.amount;
      if (update.refreshes()) ++refreshed[update.key()];
      if (const auto& end = update.ending())
        endings[update.key()] = std::to_string(end->seconds) + " where " + end->field + " is " + end->value + ": " +
                                end->mark + ' ' + end->mark_value;
      buffer.pop_front();
    }
  }
  int64_t number(const std::string& key, const std::string& field) const {
    const auto found = numbers.find(key);
    if (found == numbers.end()) return 0;
    const auto value = found->second.find(field);
    return value == found->second.end() ? 0 : value->second;
  }
  /// Over all keys of a branch: ip. without the sorted sets.
  int64_t sum(const std::string& tree, const std::string& field) const {
    int64_t total = 0;
    for (const auto& [key, fields] : numbers) total += key.starts_with(tree) ? number(key, field) : 0;
    return total;
  }

 private:
  static void apply(std::map<std::string, int64_t>& fields, const KeyUpdate::Number& one) {
    const std::string name(one.field);
    const auto there = fields.find(name);
    switch (one.op) {
      case KeyUpdate::Op::Add:
        fields[name] += one.value;
        break;
      case KeyUpdate::Op::Latest:
        fields[name] = one.value;
        break;
      case KeyUpdate::Op::IfAbsent:
        fields.try_emplace(name, one.value);
        break;
      case KeyUpdate::Op::Earliest:
        if (there == fields.end() || there->second > one.value) fields[name] = one.value;
        break;
    }
  }
};

struct Bed {
  MergeBuffer buffer{size_t{64} << 20, HashSeed{}};
  MergeBuffer urgent{size_t{64} << 20, HashSeed{}};
  Accounting accounting;
  Node node;
  uint32_t now_s = 1;

  explicit Bed(AccountingSettings settings = {}) : accounting(std::move(settings), buffer, urgent, HashSeed{}) {}

  void flow(const Common& common, const Traffic& traffic) { accounting.put({&kFlowType, &common, &traffic}, now_s); }
  void query(const Common& common, const Query& query) { accounting.put({&kQueryType, &common, &query}, now_s); }
  void lesson(const Lesson& lesson) {
    const Common common;
    accounting.put({&kLessonType, &common, &lesson}, now_s);
  }
  const Node& look() {
    node.take(buffer);
    node.take(urgent);
    return node;
  }
};

inline Common between(const IpAddress& source, const IpAddress& destination, uint16_t port = 443,
                      uint8_t protocol = 6) {
  Common common;
  common.source = source;
  common.destination = destination;
  common.source_port = 40'000;
  common.destination_port = port;
  common.protocol = protocol;
  common.has_ports = true;
  return common;
}

inline Traffic bytes(uint64_t forth, uint64_t back, int64_t start_ms = 1'000, int64_t end_ms = 2'000) {
  Traffic traffic;
  traffic.start_ms = start_ms;
  traffic.end_ms = end_ms;
  traffic.octets = forth;
  traffic.packets = (forth + 99) / 100;
  traffic.reverse_octets = back;
  traffic.reverse_packets = (back + 99) / 100;
  return traffic;
}

}  // namespace microcloud::cloud_test
