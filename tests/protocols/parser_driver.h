// Drives a protocol's recogniser and parser outside of a probe: for the tests that every protocol has, and for fuzzing.
#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "inspect/parser.h"
#include "protocols/wire/call_book.h"
#include "record/json.h"

namespace microcloud {

/// What records leave in the MicroCloud beside counters, as lines.
class LineNotes final : public TreeNotes {
 public:
  void leave(std::string_view prefix, std::string_view name, std::span<const Text> texts) override {
    for (const Text& one : texts) add(prefix, name, one);
  }
  void close(std::string_view prefix, std::string_view name, const Text& where, const Text& mark, uint32_t) override {
    add(prefix, name, where);
    add(prefix, name, mark);
  }

  std::vector<std::string> lines;

 private:
  void add(std::string_view prefix, std::string_view name, const Text& text) {
    std::string line(prefix);
    for (const std::string_view part : {name, text.field, text.value}) (line += ' ') += part;
    lines.push_back(std::move(line));
  }
};

/// Another probe, which knows a call at each place that is asked for.
class OtherProbe final : public CallsElsewhere {
 public:
  explicit OtherProbe(CallBook& book) : book_(book) { book.know("here", this); }
  bool ask(const SdpAddress& at) override {
    const std::pair<std::string, std::string> said[] = {{"call", "there"}, {"formats", "96=OPUS/48000,x=/,300=A/1"}};
    book_.learn(at, endpoint_elsewhere(said, CallBook::kMostFormats));
    return true;
  }
  bool ask(std::string_view call_id) override {
    const std::pair<std::string, std::string> said[] = {
        {"stream.there.x", "src=x mos=2.000 probeId=there firstMs=0 lastMs=1800000000000"}, {"stream.", ""}};
    book_.learn(call_id, HashTexts(said));
    return true;
  }
  bool may_wait() const override { return true; }
  void settle() override {}

 private:
  CallBook& book_;
};

/// Keeps every record as the JSON line that users get.
class LineDialogue final : public Dialogue {
 public:
  explicit LineDialogue(const Common& flow) : flow_(flow), other_probe_(shared_->of<CallBook>()) { shared_->join(); }

  const Common& flow() const override { return flow_; }
  const Disclosure& disclosure() const override { return disclosure_; }
  uint32_t next_transaction() override { return ++transactions_; }
  void tell(const RecordType& type, const void* body, bool source_is_initiator) override {
    Common common = flow_;
    if (!source_is_initiator) {
      std::swap(common.source, common.destination);
      std::swap(common.source_port, common.destination_port);
    }
    keep({&type, &common, body});
  }

  Shared& shared() override { return *shared_; }
  /// The run is over: what is left that no flow tells.
  void leave(int64_t now_us) {
    Sink sink(*this);
    shared_->leave(now_us, sink);
  }

  std::vector<std::string> lines;
  std::vector<const RecordType*> types;
  LineNotes notes;
  std::string disagrees;  // a row of which has() and read() do not say the same; empty: there was none

 private:
  class Sink final : public RecordSink {
   public:
    explicit Sink(LineDialogue& dialogue) : dialogue_(dialogue) {}
    void put(const RecordRef& record) override { dialogue_.keep(record); }

   private:
    LineDialogue& dialogue_;
  };

  void keep(const RecordRef& record) {
    std::string line;
    writer_.append(record, line);
    lines.push_back(std::move(line));
    types.push_back(record.type);
    for (const Field& row : record.type->fields) {
      Scratch scratch;
      const bool is_there = row.read(record.body, scratch).kind != Value::Kind::Absent;
      if (row.has != nullptr && row.has(record.body) != is_there) disagrees = row.name;
    }
    if (record.type->note != nullptr) record.type->note(record, notes);
  }

  Common flow_;
  std::unique_ptr<Shared> shared_ = std::make_unique<Shared>();
  OtherProbe other_probe_;
  uint32_t transactions_ = 0;
  Disclosure disclosure_{.secrets = true, .hash = KeyedHash("a key"), .sql_literals = true};
  JsonWriter writer_;
};

/// A parser and its flow, from the first payload to the end. As a probe does, it shows nothing more to a parser that
/// said Done or Malformed, but tells it the time and the end.
class DrivenFlow {
 public:
  DrivenFlow(const Protocol& protocol, const Common& flow) : dialogue(flow), parser_(protocol.make_parser()) {}

  void data(const Segment& segment) {
    now_us_ = std::max(now_us_, segment.time_us);
    if (open_) open_ = parser_->on_data(segment, dialogue) == Status::More;
  }
  void time(int64_t now_us) {
    now_us_ = std::max(now_us_, now_us);
    parser_->on_time(now_us_, dialogue);
  }
  void end(FlowOver why) {
    parser_->on_end(why, now_us_, dialogue);
    dialogue.leave(now_us_);
  }
  int64_t now_us() const { return now_us_; }

  LineDialogue dialogue;

 private:
  std::unique_ptr<Parser> parser_;
  bool open_ = true;
  int64_t now_us_ = 0;
};

}  // namespace microcloud
