// A parser's side of a flow in unit tests: keeps what it was told, each element as text.
#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "inspect/parser.h"

namespace microcloud {

/// What records leave in trees of the MicroCloud: keys, and in each field the last text.
struct TestNotes final : TreeNotes {
  void leave(std::string_view prefix, std::string_view name, std::span<const Text> texts) override {
    auto& fields = keys[std::string(prefix) + std::string(name)];
    for (const Text& one : texts) fields[std::string(one.field)] = one.value;
  }
  void close(std::string_view prefix, std::string_view name, const Text& where, const Text& mark, uint32_t) override {
    auto& fields = keys[std::string(prefix) + std::string(name)];
    if (fields[std::string(where.field)] == where.value) fields[std::string(mark.field)] = mark.value;
  }
  std::map<std::string, std::map<std::string, std::string>> keys;
};

/// What records tell of a service, as its key has it.
struct ServiceHealth {
  uint64_t requests = 0, errors = 0, delays = 0;
  bool operator==(const ServiceHealth&) const = default;
};

inline std::ostream& operator<<(std::ostream& out, const ServiceHealth& from) {
  return out << from.requests << " requests, " << from.errors << " errors, " << from.delays << " delays";
}

class TestDialogue final : public Dialogue {
 public:
  /// Numbers in decimal, items of a list with a bar between them; what is absent is not there.
  using Told = std::map<std::string, std::string>;

  /// `shared`: with other flows; nothing: with none.
  explicit TestDialogue(uint8_t protocol, uint16_t port = 53,
                        std::shared_ptr<Shared> shared = std::make_shared<Shared>())
      : shared_(std::move(shared)) {
    flow_.source = IpAddress::v4(std::array<uint8_t, 4>{192, 0, 2, 1}.data());
    flow_.destination = IpAddress::v4(std::array<uint8_t, 4>{192, 0, 2, 2}.data());
    flow_.source_port = 40000;
    flow_.destination_port = port;
    flow_.protocol = protocol;
    flow_.has_ports = true;
  }

  const Common& flow() const override { return flow_; }
  const Disclosure& disclosure() const override { return allowed; }
  Common& flow() { return flow_; }
  uint32_t next_transaction() override { return ++transactions_; }
  void tell(const RecordType& type, const void* body, bool source_is_initiator) override {
    Told told{{"record", std::string(type.name)}, {"from", source_is_initiator ? "initiator" : "responder"}};
    Scratch scratch;
    for (const Field& field : type.fields) {
      const Value value = field.read(body, scratch);
      if (value.kind != Value::Kind::Absent) told[std::string(field.name)] = text_of(value);
    }
    records.push_back(told);
    for (const CloudRule& rule : type.cloud) {
      if (rule.holds != nullptr && !rule.holds(body, rule.value)) continue;
      counters[std::string(rule.field)] += rule.amount == nullptr ? 1 : rule.amount(body);
    }
    calls.push_back(type.service == nullptr ? std::nullopt : type.service(body));
    many.emplace_back();
    if (calls.back() && calls.back()->many != nullptr) many.back() = *std::exchange(calls.back()->many, nullptr);
    if (type.note == nullptr) return;
    Common ends = flow_;
    if (!source_is_initiator) {
      std::swap(ends.source, ends.destination);
      std::swap(ends.source_port, ends.destination_port);
    }
    type.note({&type, &ends, body}, notes);
  }

  Shared& shared() override { return *shared_; }
  void announce(const IpAddress&, uint16_t port) override { announced.push_back(port); }

  /// Of records that tell of one request each.
  ServiceHealth health() const {
    ServiceHealth sum;
    for (const auto& call : calls) {
      if (!call) continue;
      sum.requests += call->is_request ? 1 : 0;
      sum.errors += call->failed ? 1 : 0;
      sum.delays += call->latency_us ? 1 : 0;
    }
    return sum;
  }

  std::vector<Told> records;
  std::vector<std::optional<ServiceCall>> calls;  // what each tells of its service
  std::vector<ServiceCalls> many;
  std::map<std::string, uint64_t> counters;  // of hosts, whoever of the two
  std::vector<uint16_t> announced;
  TestNotes notes;
  Disclosure allowed;

 private:
  static std::string text_of(const Value& value) {
    std::string text;
    Scratch scratch;
    switch (value.kind) {
      case Value::Kind::Text:
        return std::string(value.text());
      case Value::Kind::Signed:
        return std::to_string(value.signed_number);
      case Value::Kind::Float:
        text = std::to_string(value.real_number);
        return text.substr(0, text.find('.') + 4);
      case Value::Kind::List:
        for (size_t at = 0; at < value.size; ++at) {
          text += (at == 0 ? "" : "|") + text_of(value.item(value.data, at, scratch));
        }
        return text;
      default:
        return std::to_string(value.number);
    }
  }

  Common flow_;
  std::shared_ptr<Shared> shared_;
  uint32_t transactions_ = 0;
};

/// A parser in its flow: segments in the order of time.
class TestFlow {
 public:
  static constexpr int64_t kBegin = 1'700'000'000'000'000;
  static constexpr bool kInitiator = true, kResponder = false;

  TestFlow(const Protocol& protocol, uint8_t transport, uint16_t port = 53,
           std::shared_ptr<Shared> shared = std::make_shared<Shared>())
      : dialogue(transport, port, std::move(shared)), parser_(protocol.make_parser()) {}

  /// `at_us` after kBegin.
  Status send(bool from_initiator, Bytes bytes, int64_t at_us = 0) {
    return send({.bytes = bytes,
                 .octets = static_cast<uint32_t>(bytes.size()),
                 .from_initiator = from_initiator,
                 .time_us = kBegin + at_us});
  }
  Status send(const Segment& segment) { return parser_->on_data(segment, dialogue); }
  void time(int64_t at_us) { parser_->on_time(kBegin + at_us, dialogue); }
  const std::vector<TestDialogue::Told>& end(FlowOver why = FlowOver::Ended, int64_t at_us = 0) {
    parser_->on_end(why, kBegin + at_us, dialogue);
    return dialogue.records;
  }

  TestDialogue dialogue;

 private:
  std::unique_ptr<Parser> parser_;
};

}  // namespace microcloud
