// Export messages on their way from an exporter to its collector, and what became of them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/counter.h"
#include "record/template.h"

namespace microcloud {

/// Records that a message tells, and the traffic that they stand for.
struct Told {
  uint32_t records = 0;
  uint64_t packets = 0;
  uint64_t octets = 0;

  Told& operator+=(const Told& other) {
    records += other.records;
    packets += other.packets;
    octets += other.octets;
    return *this;
  }
};

struct MessageInfo {
  uint32_t size = 0;
  uint16_t count = 0;         // all records: of templates, options and data (NetFlow v9's header)
  uint16_t data_records = 0;  // of options and data (what IPFIX's sequence counts)
  bool templates = false;     // nothing but templates: a new session begins with all of them anyway
  bool flows = false;         // its data records are no options
  Told told;
};

/// Messages one behind the other.
struct MessageBatch {
  std::vector<char> bytes;
  std::vector<MessageInfo> messages;

  void clear() {
    bytes.clear();
    messages.clear();
  }
};

/// Why a record did not reach its collector.
enum class ExportLoss : uint8_t {
  BufferFull,        // more was held than is allowed
  ConnectionBroken,  // it was on its way when the connection broke: it may have come, or not
  SendFailed,
  EndOfRun,  // still held when the run ended
  NotInV5,
  TooLong,
  kCount
};
const char* to_text(ExportLoss loss);

/// Of one collector; the output thread counts, any thread reads. What was offered and is neither sent nor lost waits.
struct ExportCounters {
  Counter offered;  // records that were to be exported
  Counter sent;     // records given to the network (over TCP: acknowledged by the peer's system)
  Counters<ExportLoss> lost;
  Counter lost_packets;  // that the lost flow records stand for, as measured
  Counter lost_octets;
  Counter data_records;  // sent: as many as `sent`, or two where each direction is a record of its own
  Counter messages;      // sent
  Counter octets;        // sent
  Counter sessions;      // begun
  Counter up;            // 1 while there is a session
  Counter refused;       // times that the peer said it listens to no such port (UDP)
  Counter shortened;     // texts or lists cut, as a message or NetFlow v9 holds no longer ones
  Counter clipped;       // of NetFlow: records that last longer than its uptimes can tell, with a later start

  void count_sent(const MessageInfo& info) {
    sent.add(info.told.records);
    if (info.flows) data_records.add(info.data_records);
    messages.add();
    octets.add(info.size);
  }
  void lose(ExportLoss why, const Told& told) {
    lost.add(why, told.records);
    lost_packets.add(told.packets);
    lost_octets.add(told.octets);
  }
};

/// A transport session's headers (RFC 7011, 3.1 and 10.3; RFC 3954, 5.1; NetFlow v5).
struct Session {
  ExportProtocol protocol = ExportProtocol::Ipfix;
  uint32_t domain = 0;       // observation domain, source id; of v5: engine type and id, its lowest 16 bits
  uint16_t v5_sampling = 0;  // two bits of mode, fourteen of the interval
  uint32_t sequence = 0;     // IPFIX: data records; v9: messages; v5: flows; before the message at hand
  int64_t now_ms = 0;        // the exporter's clock, since 1970
  int64_t boot_ms = 0;       // where its uptime counts from

  /// Writes the message's header, and counts it.
  void stamp(char* message, const MessageInfo& info);
};

inline constexpr size_t kIpfixHeader = 16;
inline constexpr size_t kV9Header = 20;
inline constexpr size_t kV5Header = 24;
size_t header_size(ExportProtocol protocol);

}  // namespace microcloud
