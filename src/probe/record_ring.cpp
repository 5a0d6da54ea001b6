#include "probe/record_ring.h"

#include <chrono>
#include <cstring>
#include <new>
#include <thread>
#include <type_traits>

#include "flow/flow_record.h"

namespace microcloud {
namespace {

struct Head {
  const RecordType* type;
  Common common;
};
static_assert(std::is_trivially_copyable_v<Common>);

struct Mark {
  uint64_t number;
};
static_assert(sizeof(Mark) < sizeof(Head));

constexpr size_t kBodyAt = (sizeof(Head) + 15) & ~size_t{15};

}  // namespace

void RecordRing::count(const RecordRef& record) {
  put_.add();
  if (record.type != &kFlowRecordType) return;
  const auto& flow = *static_cast<const FlowRecord*>(record.body);
  packets_told_.add(flow.packets + flow.reverse_packets);
}

void RecordRing::pass_by(const RecordRef& record) {
  count(record);
  taken_.add();
}

void RecordRing::put(const RecordRef& record) {
  const size_t body = record.body_used();
  const size_t size = kBodyAt + body;
  count(record);
  uint8_t* room = ring_.reserve(size);
  while (room == nullptr) {
    if (!wait_when_full_) {
      dropped_.add();
      return;
    }
    ring_.publish();
    std::this_thread::sleep_for(std::chrono::microseconds(50));
    room = ring_.reserve(size);
  }
  new (room) Head{record.type, *record.common};
  std::memcpy(room + kBodyAt, record.body, body);
  ring_.commit(size);
}

bool RecordRing::mark(uint64_t number) {
  uint8_t* room = ring_.reserve(sizeof(Mark));
  if (room == nullptr) return false;
  new (room) Mark{number};
  ring_.commit(sizeof(Mark));
  return true;
}

std::optional<RecordRing::Item> RecordRing::read() {
  size_t size = 0;
  uint8_t* message = ring_.read(size);
  if (message == nullptr) return std::nullopt;
  if (size == sizeof(Mark))
    return Item{nullptr, nullptr, nullptr, std::launder(static_cast<Mark*>(static_cast<void*>(message)))->number};
  ++read_;
  Head* head = std::launder(static_cast<Head*>(static_cast<void*>(message)));
  return Item{head->type, &head->common, message + kBodyAt};
}

}  // namespace microcloud
