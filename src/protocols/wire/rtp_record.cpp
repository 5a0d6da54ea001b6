#include "protocols/wire/rtp_record.h"

#include <string>

#include "protocols/wire/call_news.h"

namespace microcloud {
namespace {

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

}  // namespace

constexpr RecordType kRtpRecordType{.name = "rtp",
                                    .meaning = "RTP stream of one source; source is its sender",
                                    .fields = kFields,
                                    .body_size = sizeof(RtpRecord),
                                    .cloud = kCloud,
                                    .trees = kTrees,
                                    .note = note,
                                    .texts = kTexts};

}  // namespace microcloud
