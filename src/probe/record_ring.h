// Records on their way from a worker to the outputs.
#pragma once

#include <optional>

#include "base/byte_ring.h"
#include "base/counter.h"
#include "record/record.h"

namespace microcloud {

/// Filled by one worker, emptied by the output thread. Full: on live capture the record is dropped and counted, on a
/// file the worker waits.
class RecordRing final : public RecordSink {
 public:
  RecordRing(size_t bytes, bool wait_when_full) : ring_(bytes), wait_when_full_(wait_when_full) {}

  /// Worker.
  void put(const RecordRef& record) override;
  void publish() { ring_.publish(); }
  void wait_when_full() { wait_when_full_ = true; }

  /// Output thread: the next record; it and its parts are valid until release().
  struct Item {
    const RecordType* type;
    Common* common;
    void* body;
  };
  std::optional<Item> read();
  void release() { ring_.release(); }
  bool empty() const { return ring_.empty(); }

  /// Any thread.
  uint64_t dropped() const { return dropped_.get(); }

 private:
  ByteRing ring_;
  bool wait_when_full_;
  Counter dropped_;
};

/// Where records go that no output takes: they are made, counted by who made them, and dropped.
class RecordsDropped final : public RecordSink {
 public:
  void put(const RecordRef&) override {}
};

}  // namespace microcloud
