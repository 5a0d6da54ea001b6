// An RTP stream of a flow: what is counted of it, and whose it is.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "protocols/wire/call_book.h"
#include "protocols/wire/rtp_counts.h"
#include "protocols/wire/rtp_packet.h"
#include "protocols/wire/rtp_profile.h"
#include "protocols/wire/rtp_record.h"

namespace microcloud {

/// Packets of one SSRC in one direction. Of the thread that reads its flow; times are those of packets, in
/// microseconds.
class RtpStream {
 public:
  static constexpr int64_t kPauseUs = 1'000'000;  // silent so long it may be over

  RtpStream(uint32_t ssrc, int64_t now_us) : ssrc_(ssrc), first_us_(now_us), last_us_(now_us) {}

  uint32_t ssrc() const { return ssrc_; }
  int64_t last_us() const { return last_us_; }
  /// Two packets came one right after the other.
  bool valid() const { return counts_.valid(); }
  const StreamOfCall& call() const { return call_; }

  void add(const RtpPacket& packet, int64_t now_us) {
    const RtpCounts::Seen seen = counts_.add(packet.sequence);
    if (seen == RtpCounts::Seen::Stray) return;
    last_us_ = std::max(last_us_, now_us);
    if (packet.payload_type != kind_of_) classify(packet);
    latest_ = packet.timestamp;
    if (seen == RtpCounts::Seen::New) {
      if (kind_ == Kind::Event) {
        add_event(packet);
      } else if (kind_ == Kind::Media) {
        jitter_.add(now_us, packet.timestamp, format_.clock_rate);
      }
    }
    if (call_.facts) publish();
  }

  /// Asks whose it is, at first, once more a little later, and at its end: others when it seems to come, as they answer
  /// later. `other`: a stream in the other direction that is a call's; null: there is none.
  void ask(CallBook& book, const SdpAddress& source, const SdpAddress& destination, const RtpStream* other,
           int64_t now_us, bool at_end);
  bool has_asked() const { return asked_ != 0; }

  /// The call hears of the codec as soon as it is known.
  bool is_unnamed() const { return unnamed_ && format_.codec.length != 0; }
  void name_codec(CallBook& book) {
    if (!is_unnamed()) return;
    book.name_codec(*call_.facts, format_.codec.view());
    unnamed_ = false;
  }

  /// What it has come to. `back`: the stream in the other direction, if there is one.
  void fill(RtpRecord& record, CallBook& book, std::optional<uint32_t> back) const;

 private:
  enum class Kind : uint8_t { Media, Event, Noise };
  static constexpr uint8_t kNoType = 0xff;

  RtpFormat format_of(uint8_t payload_type) const;
  void classify(const RtpPacket& packet);
  void take_call(StreamOfCall found, CallBook& book);

  /// All packets of one event have its first one's timestamp (RFC 4733, 2.5.1).
  void add_event(const RtpPacket& packet) {
    if (events_ != 0 && packet.timestamp == event_) return;
    event_ = packet.timestamp;
    ++events_;
  }

  void publish() const {
    StreamFacts& facts = *call_.facts;
    facts.packets.set(counts_.packets());
    facts.expected.set(counts_.expected());
    facts.duplicates.set(counts_.duplicates());
    facts.reordered.set(counts_.reordered());
    facts.jitter_us.set(jitter_.mean_us());
    facts.max_jitter_us.set(jitter_.max_us());
    facts.last_us.set(static_cast<uint64_t>(last_us_));
  }

  uint32_t ssrc_;
  uint8_t kind_of_ = kNoType;  // the payload type that kind_ is of
  Kind kind_ = Kind::Media;
  uint8_t last_type_ = 0;
  uint8_t asked_ = 0;
  bool asked_in_pause_ = false;
  bool is_asked_ = false;  // other probes: the answer comes
  std::optional<uint8_t> payload_type_;
  RtpFormat format_;
  RtpCounts counts_;
  RtpJitter jitter_;
  int64_t first_us_;
  int64_t last_us_;
  bool unnamed_ = false;
  uint32_t events_ = 0;
  uint32_t event_ = 0;   // timestamp of the last event
  uint32_t latest_ = 0;  // of any packet
  StreamOfCall call_;
};

}  // namespace microcloud
