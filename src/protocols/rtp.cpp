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
#include "protocols/wire/rtp_counts.h"
#include "protocols/wire/rtp_packet.h"
#include "protocols/wire/rtp_profile.h"
#include "protocols/wire/voice_quality.h"
#include "record/transaction.h"

namespace microcloud {
namespace {

constexpr std::string_view kNdpiNames[] = {"RTP", "RTCP"};
constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kAskAgainUs = 2 * kSecond;  // whose a stream is, when nobody knew at first
constexpr int64_t kLastUs = 2 * kSecond;      // a stream of a call that is over has ended when it was silent so long
constexpr int64_t kSilentUs = 60 * kSecond;   // any stream
constexpr int64_t kPauseUs = kSecond;         // it may be over
constexpr size_t kMostStreams = 8;            // of a direction at a time
constexpr unsigned kMostBroken = 64;          // datagrams in a row that are none of RTP and its company
constexpr size_t kMostBeforePair = 8;         // datagrams that look like RTP and have no neighbour

// ---- the record

struct RtpRecord {
  Milliseconds observed;
  uint32_t index = 0;
  Partial partial;
  uint32_t ssrc = 0;
  std::optional<uint8_t> payload_type;
  std::optional<Text<16>> codec;
  uint64_t packets = 0;
  uint64_t expected = 0;
  int32_t lost = 0;
  uint64_t duplicates = 0;
  uint64_t reordered = 0;
  std::optional<uint32_t> jitter_us;
  std::optional<uint32_t> max_jitter_us;
  uint32_t duration_ms = 0;
  uint32_t dtmf_events = 0;
  std::optional<double> mos;
  std::optional<double> mos_cq;
  std::optional<double> r;
  std::optional<Text<256>> call_id;
  std::optional<std::string_view> match;
  std::optional<int32_t> reported_lost;
  std::optional<uint32_t> reported_jitter_us;
  std::optional<uint32_t> round_trip_us;
  Text<512> for_others;  // what its call's key holds of it
};

constexpr Field kOwnFields[] = {
    field<&RtpRecord::ssrc>("rtpSsrc", {"", pen::kOwn, 270}, "synchronisation source", Role::Identifier),
    field<&RtpRecord::payload_type>("rtpPayloadType", {"", pen::kOwn, 271},
                                    "of its first packet that is neither an event nor comfort noise, if there is one",
                                    Role::Identifier),
    field<&RtpRecord::codec>("rtpCodec", {"", pen::kOwn, 279}, "as the payload type or the session description says"),
    field<&RtpRecord::packets>("rtpPackets", {"", pen::kOwn, 272}, "that were seen, duplicates too", Role::DeltaCounter,
                               Unit::Packets),
    field<&RtpRecord::expected>("rtpExpectedPackets", {"", pen::kOwn, 273},
                                "from the first sequence number to the last (RFC 3550, A.3)", Role::DeltaCounter,
                                Unit::Packets),
    field<&RtpRecord::lost>("rtpLostPackets", {"", pen::kOwn, 274},
                            "expected less seen: duplicates may make it negative", Role::Quantity, Unit::Packets),
    field<&RtpRecord::duplicates>("rtpDuplicatePackets", {"", pen::kOwn, 280}, "seen again", Role::DeltaCounter,
                                  Unit::Packets),
    field<&RtpRecord::reordered>("rtpReorderedPackets", {"", pen::kOwn, 281}, "seen behind a later one",
                                 Role::DeltaCounter, Unit::Packets),
    field<&RtpRecord::jitter_us>("rtpJitterMicroseconds", {"", pen::kOwn, 275},
                                 "interarrival jitter (RFC 3550, A.8): mean of the estimates", Role::Quantity,
                                 Unit::Microseconds),
    field<&RtpRecord::max_jitter_us>("rtpMaxJitterMicroseconds", {"", pen::kOwn, 282}, "the largest estimate",
                                     Role::Quantity, Unit::Microseconds),
    field<&RtpRecord::duration_ms>("rtpDurationMilliseconds", {"", pen::kOwn, 284}, "from its first packet to its last",
                                   Role::Quantity, Unit::Milliseconds),
    field<&RtpRecord::dtmf_events>("rtpDtmfEvents", {"", pen::kOwn, 283},
                                   "keys that were pressed (RFC 4733), not which ones", Role::Quantity),
    field<&RtpRecord::mos>("rtpMosLq", {"", pen::kOwn, 276},
                           "E-model (ITU-T G.107), narrowband, without delay: 1 to 4.5"),
    field<&RtpRecord::mos_cq>("rtpMosCq", {"", pen::kOwn, 350},
                              "1 to 4.5, narrowband: conversational quality by the E-model, with half the round trip "
                              "of RTCP as its delay; absent without one"),
    field<&RtpRecord::r>("rtpRFactor", {"", pen::kOwn, 277}, "E-model: 0 to 93.2"),
    field<&RtpRecord::call_id>("sipCallId", {"SIP_CALL_ID", pen::kNtop, 130}, "Call-ID"),
    field<&RtpRecord::match>("rtpMatch", {"", pen::kOwn, 278},
                             "how it was found to be the call's: exact, symmetric, sipsource, learned"),
    field<&RtpRecord::reported_lost>("rtcpLostPackets", {"", pen::kOwn, 285}, "as its receiver said last",
                                     Role::Quantity, Unit::Packets),
    field<&RtpRecord::reported_jitter_us>("rtcpJitterMicroseconds", {"", pen::kOwn, 286}, "as its receiver said last",
                                          Role::Quantity, Unit::Microseconds),
    field<&RtpRecord::round_trip_us>("rtcpRoundTripMicroseconds", {"", pen::kOwn, 287},
                                     "from the probe to its receiver and back, by sender's and receiver's reports",
                                     Role::Quantity, Unit::Microseconds),
};

constexpr auto kFields = transaction_fields<RtpRecord>(kOwnFields);

uint64_t lost_of(const RtpRecord& told) {
  return told.lost > 0 ? static_cast<uint64_t>(told.lost) : 0;
}

constexpr CloudRule kCloud[] = {
    grow(Entity::Source, "rtp.streams", "RTP streams that the host sent"),
    grow(Entity::Source, "rtp.packets", "their packets").by<&RtpRecord::packets>(),
    grow(Entity::Source, "rtp.lost", "packets of them that were lost before the probe").by<&lost_of>(),
};

bool call_of(const RecordRef& record, std::string& out) {
  const auto& told = *static_cast<const RtpRecord*>(record.body);
  if (told.for_others.length == 0) return false;
  out += told.call_id->view();
  return true;
}
constexpr CloudRule kOfCall[] = {
    grow(Entity::Source, "streams", "RTP streams that are the call's, of each probe that saw them"),
    grow(Entity::Source, "packets", "their packets").by<&RtpRecord::packets>(),
    grow(Entity::Source, "lost", "packets of them that were lost before the probe").by<&lost_of>(),
};
constexpr CloudTree kTrees[] = {{.prefix = kCallTree, .pattern = kCallPattern, .name = call_of, .counters = kOfCall}};

void note(const RecordRef& record, TreeNotes& notes) {
  std::string call;
  if (!call_of(record, call)) return;
  const auto& told = *static_cast<const RtpRecord*>(record.body);
  const Common& common = *record.common;
  const std::string field =
      "stream." + std::string(common.probe_id) + '.' + endpoint_name({common.source, common.source_port}) + '-' +
      endpoint_name({common.destination, common.destination_port}) + '-' + std::to_string(told.ssrc);
  const TreeNotes::Text texts[] = {{field, told.for_others.view()}};
  notes.leave(kCallTree, call, texts);
}
constexpr TreeText kTexts[] = {{kCallPattern, "stream.<probe>.<source>-<destination>-<ssrc>",
                                "what that probe saw of the stream, as in callStreams, and its first and last packet"}};

constexpr RecordType kRecordType{.name = "rtp",
                                 .meaning = "RTP stream of one source; source is its sender",
                                 .fields = kFields,
                                 .body_size = sizeof(RtpRecord),
                                 .cloud = kCloud,
                                 .trees = kTrees,
                                 .note = note,
                                 .texts = kTexts};
constexpr const RecordType* kRecords[] = {&kRecordType};

// ---- a stream

bool is_event(std::string_view codec) {
  return codec == "TELEPHONE-EVENT";
}
bool is_noise(std::string_view codec) {
  return codec == "CN";
}

class Stream {
 public:
  Stream(uint32_t ssrc, int64_t now_us) : ssrc_(ssrc), first_us_(now_us), last_us_(now_us) {}

  uint32_t ssrc() const { return ssrc_; }
  int64_t last_us() const { return last_us_; }
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
  /// later.
  void ask(CallBook& book, const SdpAddress& source, const SdpAddress& destination, const Stream* other, int64_t now_us,
           bool at_end) {
    if (call_.call) return;
    const bool is_due = asked_ == 0 || (asked_ == 1 && now_us - first_us_ >= kAskAgainUs);
    const bool pauses = !asked_in_pause_ && now_us - last_us_ >= kPauseUs;
    if (!at_end && !is_due && !pauses && !is_asked_) return;
    if (is_due) ++asked_;
    asked_in_pause_ |= pauses;
    const std::shared_ptr<Call> others = other ? other->call_.call : nullptr;
    std::optional<StreamOfCall> found = book.find(source, destination, ssrc_, others);
    if (!found) {
      const CallBook::Look look = at_end             ? CallBook::Look::AtEnd
                                  : is_due || pauses ? CallBook::Look::Ask
                                                     : CallBook::Look::Again;
      StreamOfCall far;
      const CallBook::Far is = book.find_far({source, destination, ssrc_, first_us_, last_us_}, others, look, far);
      is_asked_ = is == CallBook::Far::Asked;
      if (is != CallBook::Far::Found) return;
      found = std::move(far);
    }
    call_ = *std::move(found);
    kind_of_ = kNoType;
    if (payload_type_) format_ = format_of(*payload_type_);
    if (is_event(format_.codec.view()) || is_noise(format_.codec.view())) {  // it was taken for media
      if (is_event(format_.codec.view())) {
        events_ = 1;
        event_ = latest_;
      }
      payload_type_.reset();
      format_ = {};
    }
    unnamed_ = call_.facts != nullptr;
    name_codec(book);
    if (call_.facts) publish();
  }
  /// The call hears of the codec as soon as it is known.
  bool is_unnamed() const { return unnamed_ && format_.codec.length != 0; }
  void name_codec(CallBook& book) {
    if (!is_unnamed()) return;
    book.name_codec(*call_.facts, format_.codec.view());
    unnamed_ = false;
  }
  bool has_asked() const { return asked_ != 0; }

  /// `back`: the stream in the other direction.
  void fill(RtpRecord& record, CallBook& book, std::optional<uint32_t> back) const {
    record.observed = to_milliseconds(first_us_);
    record.ssrc = ssrc_;
    record.payload_type = payload_type_.value_or(last_type_);
    const RtpFormat format = payload_type_ ? format_ : format_of(*record.payload_type);
    if (format.codec.length != 0) record.codec = format.codec;
    record.packets = counts_.packets();
    record.expected = counts_.expected();
    record.lost = static_cast<int32_t>(std::clamp<int64_t>(counts_.lost(), INT32_MIN, INT32_MAX));
    record.duplicates = counts_.duplicates();
    record.reordered = counts_.reordered();
    if (jitter_.known()) {
      record.jitter_us = jitter_.mean_us();
      record.max_jitter_us = jitter_.max_us();
    }
    record.duration_ms = static_cast<uint32_t>((last_us_ - first_us_) / 1000);
    record.dtmf_events = events_;
    if (const auto codec = book.codecs().find(format_.codec.view())) {
      const double loss = loss_percent(counts_.expected(), counts_.packets(), counts_.duplicates());
      const double r = r_factor(*codec, loss);
      record.r = to_thousandths(r);
      record.mos = to_thousandths(mos_of(r));
      if (const std::optional<double> delay_ms = book.delay_of(ssrc_, back))
        record.mos_cq = to_thousandths(mos_of(r_factor(*codec, loss, *delay_ms)));
    }
    if (call_.call) {
      record.call_id.emplace().assign(CallBook::id_of(*call_.call));
      record.match = to_text(call_.match);
      record.for_others.assign(book.text_for_others(call_, first_us_));
    }
    if (const std::optional<RtcpReport> report = book.report_on(ssrc_)) {
      record.reported_lost = report->lost;
      if (format_.clock_rate != 0)
        record.reported_jitter_us = static_cast<uint32_t>(uint64_t{report->jitter} * kSecond / format_.clock_rate);
      record.round_trip_us = report->round_trip_us;
    }
  }

 private:
  enum class Kind : uint8_t { Media, Event, Noise };
  static constexpr uint8_t kNoType = 0xff;

  RtpFormat format_of(uint8_t payload_type) const {
    if (call_.formats) {
      const auto said = std::find_if(call_.formats->begin(), call_.formats->end(),
                                     [&](const RtpFormat& format) { return format.payload_type == payload_type; });
      if (said != call_.formats->end()) return *said;
    }
    return static_rtp_format(payload_type);
  }

  void classify(const RtpPacket& packet) {
    const RtpFormat format = format_of(packet.payload_type);
    kind_of_ = last_type_ = packet.payload_type;
    const bool has_form = packet.payload_octets == 4 && packet.payload_type >= 96 && payload_type_ &&
                          packet.payload_type != *payload_type_ && format.codec.length == 0;
    kind_ = is_event(format.codec.view()) || has_form ? Kind::Event
            : is_noise(format.codec.view())           ? Kind::Noise
                                                      : Kind::Media;
    if (kind_ == Kind::Media && !payload_type_) {
      payload_type_ = packet.payload_type;
      format_ = format;
    }
  }

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
    Stream& stream = stream_of(*packet, segment, dialogue);
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
      std::erase_if(streams(from_initiator), [&](const std::unique_ptr<Stream>& stream) {
        const Call* call = stream->call().call.get();
        const bool over = call != nullptr && CallBook::is_over(*call, now_us);
        if (call != nullptr && !over && now_us - stream->last_us() >= kPauseUs) book(dialogue).ask_if_over(*call);
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
      for (const std::unique_ptr<Stream>& stream : streams(from_initiator)) tell(*stream, from_initiator, dialogue);
      streams(from_initiator).clear();
    }
  }

 private:
  using Streams = std::vector<std::unique_ptr<Stream>>;

  static CallBook& book(Dialogue& dialogue) { return dialogue.shared().of<CallBook>(); }
  Streams& streams(bool from_initiator) { return streams_[from_initiator ? 0 : 1]; }

  bool has_valid_stream() const {
    return std::any_of(streams_.begin(), streams_.end(), [](const Streams& those) {
      return std::any_of(those.begin(), those.end(), [](const auto& stream) { return stream->valid(); });
    });
  }

  /// The most recent one stands first.
  Stream& stream_of(const RtpPacket& packet, const Segment& segment, Dialogue& dialogue) {
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
    those.insert(those.begin(), std::make_unique<Stream>(packet.ssrc, segment.time_us));
    return *those.front();
  }

  void ask(Stream& stream, bool from_initiator, int64_t now_us, Dialogue& dialogue, bool at_end) {
    const Common& flow = dialogue.flow();
    SdpAddress source{flow.source, flow.source_port};
    SdpAddress destination{flow.destination, flow.destination_port};
    if (!from_initiator) std::swap(source, destination);
    const Streams& others = streams(!from_initiator);
    const auto other =
        std::find_if(others.begin(), others.end(), [](const auto& one) { return one->call().call != nullptr; });
    stream.ask(book(dialogue), source, destination, other == others.end() ? nullptr : other->get(), now_us, at_end);
  }

  void tell(Stream& stream, bool from_initiator, Dialogue& dialogue) {
    if (!stream.valid()) return;
    ask(stream, from_initiator, stream.last_us(), dialogue, true);
    RtpRecord told;
    stream.fill(told, book(dialogue), newest_[from_initiator ? 1 : 0]);
    told.index = dialogue.next_transaction();
    dialogue.tell(kRecordType, &told, from_initiator);
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
