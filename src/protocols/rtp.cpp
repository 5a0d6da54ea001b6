// RTP and RTCP (RFC 3550): one record a stream, when it is over: loss, duplicates, reordering, jitter, and how speech
// is heard by the E-model.
#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "inspect/parser.h"
#include "protocols/protocols.h"
#include "protocols/wire/call_book.h"
#include "protocols/wire/rtcp.h"
#include "protocols/wire/rtp_packet.h"
#include "protocols/wire/rtp_profile.h"
#include "protocols/wire/rtp_record.h"
#include "protocols/wire/rtp_stream.h"

namespace microcloud {
namespace {

constexpr std::string_view kNdpiNames[] = {"RTP", "RTCP"};
constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kLastUs = 2 * kSecond;     // a stream of a call that is over has ended when it was silent so long
constexpr int64_t kSilentUs = 60 * kSecond;  // any stream
constexpr size_t kMostStreams = 8;           // of a direction at a time
constexpr unsigned kMostBroken = 64;         // datagrams in a row that are none of RTP and its company
constexpr size_t kMostBeforePair = 8;        // datagrams that look like RTP and have no neighbour

constexpr const RecordType* kRecords[] = {&kRtpRecordType};

// ---- the flow

class RtpParser final : public Parser {
 public:
  Status on_data(const Segment& segment, Dialogue& dialogue) override {
    if (is_rtcp(segment.bytes)) {
      broken_ = 0;
      hear_reports(segment, book(dialogue));
      return Status::More;
    }
    const std::optional<RtpPacket> packet = read_rtp(segment.bytes, segment.octets);
    if (!packet) {
      if (is_beside_rtp(segment.bytes) || has_valid_stream()) return Status::More;
      return ++broken_ < kMostBroken ? Status::More : Status::Malformed;
    }
    broken_ = 0;
    RtpStream& stream = stream_of(*packet, segment, dialogue);
    stream.add(*packet, segment.time_us);
    if (stream.is_unnamed()) stream.name_codec(book(dialogue));
    if (!stream.has_asked() && stream.valid()) {
      newest_[segment.from_initiator ? 0 : 1] = stream.ssrc();
      ask(stream, segment.from_initiator, segment.time_us, dialogue, false);
    }
    return Status::More;
  }

  bool waits() const override { return !streams_[0].empty() || !streams_[1].empty(); }

  void on_time(int64_t now_us, Dialogue& dialogue) override {
    for (const bool from_initiator : {true, false}) {
      std::erase_if(streams(from_initiator), [&](const std::unique_ptr<RtpStream>& stream) {
        const Call* call = stream->call().call.get();
        const bool over = call != nullptr && CallBook::is_over(*call, now_us);
        if (call != nullptr && !over && now_us - stream->last_us() >= RtpStream::kPauseUs)
          book(dialogue).ask_if_over(*call);
        if (now_us - stream->last_us() < (over ? kLastUs : kSilentUs)) {
          if (stream->valid()) ask(*stream, from_initiator, now_us, dialogue, false);
          return false;
        }
        tell(*stream, from_initiator, dialogue);
        return true;
      });
    }
  }

  void on_end(FlowOver, int64_t, Dialogue& dialogue) override {
    for (const bool from_initiator : {true, false}) {
      for (const std::unique_ptr<RtpStream>& stream : streams(from_initiator)) tell(*stream, from_initiator, dialogue);
      streams(from_initiator).clear();
    }
  }

 private:
  using Streams = std::vector<std::unique_ptr<RtpStream>>;

  static CallBook& book(Dialogue& dialogue) { return dialogue.shared().of<CallBook>(); }
  Streams& streams(bool from_initiator) { return streams_[from_initiator ? 0 : 1]; }

  bool has_valid_stream() const {
    return std::any_of(streams_.begin(), streams_.end(), [](const Streams& those) {
      return std::any_of(those.begin(), those.end(), [](const auto& stream) { return stream->valid(); });
    });
  }

  /// The most recent one stands first.
  RtpStream& stream_of(const RtpPacket& packet, const Segment& segment, Dialogue& dialogue) {
    Streams& those = streams(segment.from_initiator);
    if (!those.empty() && those.front()->ssrc() == packet.ssrc) return *those.front();
    const auto known =
        std::find_if(those.begin(), those.end(), [&](const auto& stream) { return stream->ssrc() == packet.ssrc; });
    if (known != those.end()) {
      std::rotate(those.begin(), known, known + 1);
      return *those.front();
    }
    if (those.size() == kMostStreams) {
      // Of those that nothing proved yet the oldest goes, else the one that was silent longest.
      const auto worst = std::min_element(those.begin(), those.end(), [](const auto& a, const auto& b) {
        return a->valid() != b->valid() ? !a->valid() : a->last_us() < b->last_us();
      });
      tell(**worst, segment.from_initiator, dialogue);
      those.erase(worst);
    }
    those.insert(those.begin(), std::make_unique<RtpStream>(packet.ssrc, segment.time_us));
    return *those.front();
  }

  void ask(RtpStream& stream, bool from_initiator, int64_t now_us, Dialogue& dialogue, bool at_end) {
    const Common& flow = dialogue.flow();
    SdpAddress source{flow.source, flow.source_port};
    SdpAddress destination{flow.destination, flow.destination_port};
    if (!from_initiator) std::swap(source, destination);
    const Streams& others = streams(!from_initiator);
    const auto other =
        std::find_if(others.begin(), others.end(), [](const auto& one) { return one->call().call != nullptr; });
    stream.ask(book(dialogue), source, destination, other == others.end() ? nullptr : other->get(), now_us, at_end);
  }

  void tell(RtpStream& stream, bool from_initiator, Dialogue& dialogue) {
    if (!stream.valid()) return;
    ask(stream, from_initiator, stream.last_us(), dialogue, true);
    RtpRecord told;
    stream.fill(told, book(dialogue), newest_[from_initiator ? 1 : 0]);
    told.index = dialogue.next_transaction();
    dialogue.tell(kRtpRecordType, &told, from_initiator);
  }

  static void hear_reports(const Segment& segment, CallBook& book) {
    read_rtcp(
        segment.bytes, [&](uint32_t ssrc, uint32_t middle) { book.sent_report(ssrc, middle, segment.time_us); },
        [&](const RtcpBlock& block) {
          book.received_report(block.ssrc, block.lost, block.jitter, block.last, block.since, segment.time_us);
        });
  }

  std::array<Streams, 2> streams_;                 // of the initiator, of the responder
  std::array<std::optional<uint32_t>, 2> newest_;  // the same: SSRC of the stream that was found last
  unsigned broken_ = 0;
};

// ---- recognition

Verdict recognise(const Segment& segment, const Common&) {
  if (segment.bytes.empty()) return Verdict::NotMine;
  if (segment.bytes[0] >> 6 != 2) return is_beside_rtp(segment.bytes) ? Verdict::Unsure : Verdict::NotMine;
  if (is_rtcp(segment.bytes)) return proves_rtcp(segment.bytes, segment.octets) ? Verdict::Mine : Verdict::Unsure;
  const std::optional<RtpPacket> packet = read_rtp(segment.bytes, segment.octets);
  return packet && may_be_rtp_payload(packet->payload_type) ? Verdict::Unsure : Verdict::NotMine;
}

/// Does it follow that one closely, in the same stream?
bool follows(const RtpPacket& packet, const RtpPacket& before) {
  constexpr uint16_t kNear = 8;
  constexpr uint32_t kTicks = 90'000 * 10;
  return packet.ssrc == before.ssrc && static_cast<uint16_t>(packet.sequence - before.sequence - 1) < kNear &&
         packet.timestamp - before.timestamp < kTicks;
}

/// One header proves nothing; two of a stream do.
Verdict recognise_more(const Segment& segment, std::span<const Segment> before, const Common& flow) {
  const Verdict alone = recognise(segment, flow);
  if (alone != Verdict::Unsure) return alone;
  const std::optional<RtpPacket> packet = read_rtp(segment.bytes, segment.octets);
  if (!packet) return Verdict::Unsure;
  size_t looked = 0;
  for (auto earlier = before.rbegin(); earlier != before.rend(); ++earlier) {
    if (earlier->from_initiator != segment.from_initiator) continue;
    const std::optional<RtpPacket> other = read_rtp(earlier->bytes, earlier->octets);
    if (!other) continue;
    if (follows(*packet, *other)) return Verdict::Mine;
    ++looked;
  }
  return looked < kMostBeforePair ? Verdict::Unsure : Verdict::NotMine;
}

}  // namespace

namespace protocol {

const Protocol rtp{.name = "rtp",
                   .records = kRecords,
                   .over_udp = true,
                   .over_tcp = false,
                   .ports = {},
                   .recognise = recognise,
                   .make_parser = [] { return std::unique_ptr<Parser>(std::make_unique<RtpParser>()); },
                   .recognise_more = recognise_more,
                   .ndpi_names = kNdpiNames};

}  // namespace protocol
}  // namespace microcloud
