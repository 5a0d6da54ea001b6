// The contract of a protocol parser: what it is given of a flow, what it answers, how it tells what it learnt.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/cursor.h"
#include "base/pool.h"
#include "inspect/disclosure.h"
#include "inspect/shared.h"
#include "record/record.h"

namespace microcloud {

/// Whether a flow speaks a protocol, judged by its first payloads.
enum class Verdict : uint8_t { Unsure, Mine, NotMine };

/// What a parser says after each segment: it wants more; has told all and needs no more of this flow (it is gone then),
/// also where another protocol goes on (STARTTLS); or cannot be right about it, and is shown no more but the end.
enum class Status : uint8_t { More, Done, Malformed };

/// Why no more comes.
enum class FlowOver : uint8_t {
  Ended,    // FIN, RST, or time without packets
  Evicted,  // the table was full
  RunOver   // the probe ends: what is still open is told as pending
};

/// Transport payload in the order of its stream: of UDP one datagram, of TCP whatever arrived in order.
struct Segment {
  Bytes bytes;          // as captured
  uint32_t octets = 0;  // on the wire: more than bytes.size() where the capture cut it
  uint32_t gap = 0;     // TCP: octets missing before this, never more to come; 0: none
  bool from_initiator = true;
  bool in_middle = false;           // TCP: nothing before this was seen of this direction
  int64_t time_us = 0;              // of the packet that carried its last byte, since 1970
  bool at_announced_place = false;  // for recognise(): another flow of the protocol announced this one
};

/// A parser's side of its flow. Valid during the call it is given in.
class Dialogue {
 public:
  virtual ~Dialogue() = default;
  /// Source is the flow's initiator.
  virtual const Common& flow() const = 0;
  /// 1, 2, ...: of the next transaction of this flow. Told in its record and, in the end, in the flow's.
  virtual uint32_t next_transaction() = 0;
  /// Sends a record at once. `body` is the type's struct. `source_is_initiator`: else the record's ends are the flow's
  /// swapped (a transaction whose client is the responder).
  virtual void tell(const RecordType& type, const void* body, bool source_is_initiator = true) = 0;
  /// What may be told: lives as long as the parser.
  virtual const Disclosure& disclosure() const = 0;
  /// What the server of the flow was called by its client; the first name counts. The flow's record has it.
  virtual void name_server(std::string_view name) { static_cast<void>(name); }
  /// What this flow has in common with all others of the run.
  virtual Shared& shared() = 0;
  /// The protocol will be spoken at this address and port: flows there are looked at as at its usual ports.
  virtual void announce(const IpAddress& address, uint16_t port) {
    static_cast<void>(address);
    static_cast<void>(port);
  }
};

/// Reads one flow, on one thread. Bytes are hostile: never throws, and everything a peer can grow is bounded.
class Parser : public Pooled {
 public:
  virtual ~Parser() = default;
  virtual Status on_data(const Segment& segment, Dialogue& dialogue) = 0;
  /// Is anything pending that may time out? Asked after each segment: on_time() is called as long as it is so, and open
  /// flows in which nothing is pending cost nothing.
  virtual bool waits() const { return true; }
  /// About once a second of packet time while the flow is open: for what timed out.
  virtual void on_time(int64_t now_us, Dialogue& dialogue) {
    static_cast<void>(now_us);
    static_cast<void>(dialogue);
  }
  /// After the last segment, also when on_data() answered Malformed before: what is pending is told now.
  virtual void on_end(FlowOver why, int64_t now_us, Dialogue& dialogue) {
    static_cast<void>(why);
    static_cast<void>(now_us);
    static_cast<void>(dialogue);
  }
};

/// A protocol: declared once, in its own file, named in protocols/list.inc.
struct Protocol {
  std::string_view name;                       // as in --plugins
  std::span<const RecordType* const> records;  // that its parser tells
  bool over_udp = false;
  bool over_tcp = false;
  std::span<const uint16_t> ports;  // tried first there; never proof
  bool own_proxy_header = false;    // at these ports it is given the header that a proxy puts before a connection, too
  /// Asked with the first payloads of a flow, of either direction, until it is not Unsure (a few times at most). Of TCP
  /// each time with all that the direction has said so far: no beginning of one's own may be NotMine.
  Verdict (*recognise)(const Segment& segment, const Common& flow);
  std::unique_ptr<Parser> (*make_parser)();
  /// May it begin in the middle of a TCP connection that spoke something else before (TLS after STARTTLS or CONNECT)?
  /// Then this is asked with segments of a flow that no parser reads, as they arrived, a few (kMostLooks) at most. True
  /// only when these bytes alone prove it: a port, or what comes later, is no help.
  bool (*takes_over)(Bytes segment) = nullptr;
  /// Called before the first packet: for what takes long the first time (a library that reads its configuration).
  void (*prepare)() = nullptr;
  /// UDP, for what no single datagram proves: asked instead of `recognise` from the second datagram of a flow on.
  /// `before`: all that came earlier, of both directions, in their order.
  Verdict (*recognise_more)(const Segment& segment, std::span<const Segment> before, const Common& flow) = nullptr;
  /// nDPI's names of it ("HTTP"): of a flow that no protocol recognised, and that nDPI names so by its payload, the
  /// parser gets what comes from then on. It may stand anywhere in a message.
  std::span<const std::string_view> ndpi_names = {};
};

}  // namespace microcloud
