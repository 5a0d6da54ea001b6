// For tests: a source that gives frames from memory, and an output that keeps what it got.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "flow/flow_record.h"
#include "probe/probe.h"
#include "record/json.h"
#include "tools/packet_builder.h"

namespace microcloud {

struct StoredFrame {
  int64_t time_us = 0;
  tools::Blob bytes;
  bool outgoing = false;
};

/// Gives its frames once. Each burst's bytes are gone with the next read(), as a source may do.
class MemorySource final : public Source {
 public:
  /// What comes behind the last frame.
  enum class Then : uint8_t { End, Fail, Idle };
  explicit MemorySource(std::vector<StoredFrame> frames, Then then = Then::End, size_t most_at_once = 32)
      : frames_(std::move(frames)), then_(then), most_at_once_(most_at_once) {}

  LinkType link_type() const override { return LinkType::Ethernet; }
  ReadResult read(std::span<Frame> burst) override {
    burst_.clear();
    size_t count = 0;
    while (next_ < frames_.size() && count < std::min(burst.size(), most_at_once_)) {
      const StoredFrame& stored = frames_[next_++];
      burst_.push_back(std::make_unique<tools::Blob>(stored.bytes));
      Frame& frame = burst[count++] = Frame{};
      frame.data = burst_.back()->data();
      frame.captured = frame.length = static_cast<uint32_t>(stored.bytes.size());
      frame.time_us = stored.time_us;
      frame.outgoing = stored.outgoing;
    }
    if (next_ < frames_.size() || count > 0) return {count, ReadStatus::More};
    if (then_ == Then::Idle) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return {0, then_ == Then::End ? ReadStatus::End : then_ == Then::Fail ? ReadStatus::Failed : ReadStatus::Idle};
  }
  std::string error() const override { return then_ == Then::Fail && next_ == frames_.size() ? "the file is cut" : ""; }

 private:
  std::vector<StoredFrame> frames_;
  Then then_;
  size_t most_at_once_;
  size_t next_ = 0;
  std::vector<std::unique_ptr<tools::Blob>> burst_;
};

/// Without end: the frame `make(n)` gives for n = 0, 1, ... (not for ever, should nobody stop it).
class EndlessSource final : public Source {
 public:
  explicit EndlessSource(std::function<StoredFrame(uint64_t)> make) : make_(std::move(make)) {}
  LinkType link_type() const override { return LinkType::Ethernet; }
  ReadResult read(std::span<Frame> burst) override {
    if (std::chrono::steady_clock::now() - begun_ > std::chrono::seconds(60)) return {0, ReadStatus::End};
    burst_.clear();
    for (Frame& frame : burst) {
      StoredFrame stored = make_(next_++);
      burst_.push_back(std::move(stored.bytes));
      frame = Frame{};
      frame.data = burst_.back().data();
      frame.captured = frame.length = static_cast<uint32_t>(burst_.back().size());
      frame.time_us = stored.time_us;
    }
    return {burst.size(), ReadStatus::More};
  }

 private:
  std::function<StoredFrame(uint64_t)> make_;
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  uint64_t next_ = 0;
  std::vector<tools::Blob> burst_;
};

class KeepingOutput : public Output {
 public:
  struct Kept {
    Common common;
    FlowRecord flow;
    std::string probe_id;
    std::string line;  // names in the record are gone once the probe is
  };
  void put(const RecordRef& record) override {
    const auto& flow = *static_cast<const FlowRecord*>(record.body);
    records.push_back({*record.common, {}, std::string(record.common->probe_id), line(record)});
    std::memcpy(static_cast<void*>(&records.back().flow), record.body, record.body_used());  // no more of it is there
    packets += flow.packets + flow.reverse_packets;
    octets += flow.octets + flow.reverse_octets;
  }
  void finish() override { ++finished; }

  /// The records as lines without the flow's id, in the order of the alphabet.
  std::vector<std::string> lines() const {
    std::vector<std::string> lines;
    for (const Kept& kept : records) lines.push_back(kept.line);
    std::sort(lines.begin(), lines.end());
    return lines;
  }

  static std::string line(const RecordRef& record) {
    static JsonWriter writer;
    Common common = *record.common;
    common.flow_id = 0;
    common.probe_id = {};
    std::string text;
    writer.append({record.type, &common, record.body}, text);
    return text;
  }

  std::vector<Kept> records;
  uint64_t packets = 0;
  uint64_t octets = 0;
  int finished = 0;
};

inline std::vector<std::vector<Input>> one_input(std::unique_ptr<Source> source) {
  std::vector<std::vector<Input>> inputs(1);
  inputs[0].push_back({std::move(source), 0});
  return inputs;
}

}  // namespace microcloud
