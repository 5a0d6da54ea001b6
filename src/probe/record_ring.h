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
  /// Of a record that no output takes: counts it as put and taken.
  void pass_by(const RecordRef& record);

  /// A mark between two records. Worker. False: there is no room for it now.
  [[nodiscard]] bool mark(uint64_t number);

  /// Output thread: the next record; it and its parts are valid until release(). `type` nullptr: a mark.
  struct Item {
    const RecordType* type;
    Common* common;
    void* body;
    uint64_t mark = 0;
  };
  std::optional<Item> read();
  void release() {
    ring_.release();
    taken_.add(read_);
    read_ = 0;
  }
  bool empty() const { return ring_.empty(); }

  /// Any thread: records put, those of them dropped, those that the output thread is done with; and the packets that
  /// flow records put here tell of.
  uint64_t put_count() const { return put_.get(); }
  uint64_t dropped() const { return dropped_.get(); }
  uint64_t taken() const { return taken_.get(); }
  uint64_t packets_told() const { return packets_told_.get(); }

 private:
  void count(const RecordRef& record);

  ByteRing ring_;
  bool wait_when_full_;
  uint64_t read_ = 0;  // since the last release()
  Counter put_;
  Counter dropped_;
  Counter taken_;
  Counter packets_told_;
};

/// Where records go that no output takes: they are made, counted, and dropped.
class RecordsDropped final : public RecordSink {
 public:
  explicit RecordsDropped(RecordRing& counts) : counts_(counts) {}
  void put(const RecordRef& record) override { counts_.pass_by(record); }

 private:
  RecordRing& counts_;
};

}  // namespace microcloud
