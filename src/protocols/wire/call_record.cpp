#include "protocols/wire/call_record.h"

namespace microcloud {
namespace {

constexpr Field kOwnFields[] = {
    field<&CallRecord::id>("sipCallId", {"SIP_CALL_ID", pen::kNtop, 130}, "Call-ID"),
    field<&CallRecord::from>("sipFrom", {"", pen::kOwn, 263}, "URI in From"),
    field<&CallRecord::to>("sipTo", {"", pen::kOwn, 264}, "URI in To"),
    field<&CallRecord::from_tag>("sipFromTag", {"", pen::kOwn, 352}, "tag of From in the INVITE"),
    field<&CallRecord::to_tag>("sipToTag", {"", pen::kOwn, 353},
                               "tag of To in the answers: another one in each branch of a forked INVITE"),
    field<&CallRecord::state>(
        "callState", {"", pen::kOwn, 296},
        "completed: answered and ended by BYE; cancelled; failed: 3xx to 6xx; timeout: no end was "
        "seen; pending: the run was over"),
    field<&CallRecord::start>("callStartMilliseconds", {"", pen::kOwn, 290}, "INVITE, since 1970", Role::Default,
                              Unit::Milliseconds),
    field<&CallRecord::answer>("callAnswerMilliseconds", {"", pen::kOwn, 291}, "2xx to the INVITE, since 1970",
                               Role::Default, Unit::Milliseconds),
    field<&CallRecord::end>("callEndMilliseconds", {"", pen::kOwn, 292}, "BYE, CANCEL or final failure, since 1970",
                            Role::Default, Unit::Milliseconds),
    field<&CallRecord::status>("sipStatusCode", {"", pen::kOwn, 262}, "of a call: the final one of the INVITE",
                               Role::Identifier),
    field<&CallRecord::post_dial_delay_ms>("callPostDialDelayMilliseconds", {"", pen::kOwn, 293},
                                           "from the INVITE to the first 18x, else to the answer", Role::Quantity,
                                           Unit::Milliseconds),
    field<&CallRecord::early_media>("callEarlyMedia", {"", pen::kOwn, 299},
                                    "a session description came before the answer: in a 18x"),
    field<&CallRecord::reinvites>("callReinvites", {"", pen::kOwn, 298}, "INVITEs within the call, each once",
                                  Role::Quantity),
    field<&CallRecord::holds>("callHolds", {"", pen::kOwn, 297}, "times that an end put the other one on hold",
                              Role::Quantity),
    field<&CallRecord::reason>("callReason", {"", pen::kOwn, 300}, "Reason (RFC 3326) of BYE or CANCEL"),
    field<&CallRecord::codecs>("callCodecs", {"", pen::kOwn, 301}, "of its streams, each once", Role::List),
    field<&CallRecord::streams>("callStreams", {"", pen::kOwn, 294},
                                "its RTP streams: src, dst, ssrc, codec, packets, expected, lost, dup, late, jitterUs, "
                                "maxJitterUs, mos, r, mosCq, match, probeId",
                                Role::List),
    field<&CallRecord::mos>("callMosLq", {"", pen::kOwn, 295},
                            "the worst stream's rtpMosLq: 1 to 4.5, narrowband, listening quality"),
    field<&CallRecord::mos_cq>("callMosCq", {"", pen::kOwn, 351},
                               "the worst rtpMosCq of its streams: 1 to 4.5, narrowband, conversational quality"),
};

constexpr auto kFields = transaction_fields<CallRecord>(kOwnFields);

bool is_answered(const CallRecord& call) {
  return call.answer.has_value();
}
bool has_failed(const CallRecord& call) {
  return call.status && *call.status >= 300 && !call.answer;
}

constexpr CloudRule kCloud[] = {
    grow(Entity::Source, "sip.calls", "calls that the host began, answered or not"),
    grow(Entity::Source, "sip.calls.answered", "of them, those that were answered").when<&is_answered>(1),
    grow(Entity::Source, "sip.calls.failed", "of them, those that ended in 3xx to 6xx").when<&has_failed>(1),
};

void note(const RecordRef& record, TreeNotes& notes) {
  const auto& call = *static_cast<const CallRecord*>(record.body);
  const auto text = [](const auto& one) { return one ? one->view() : std::string_view(); };
  leave(call.news, {call.id.view(), text(call.from), text(call.to), record.common->probe_id}, notes);
}

}  // namespace

constexpr RecordType kCallRecordType{.name = "call",
                                     .meaning = "SIP call; source is the end that sent the INVITE",
                                     .fields = kFields,
                                     .body_size = sizeof(CallRecord),
                                     .cloud = kCloud,
                                     .note = note};

}  // namespace microcloud
