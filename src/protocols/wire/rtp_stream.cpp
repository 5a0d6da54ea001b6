#include "protocols/wire/rtp_stream.h"

#include <utility>

#include "protocols/wire/voice_quality.h"

namespace microcloud {
namespace {

constexpr int64_t kAskAgainUs = 2'000'000;  // whose it is, when nobody knew at first

bool is_event(std::string_view codec) {
  return codec == "TELEPHONE-EVENT";
}
bool is_noise(std::string_view codec) {
  return codec == "CN";
}

}  // namespace

void RtpStream::ask(CallBook& book, const SdpAddress& source, const SdpAddress& destination, const RtpStream* other,
                    int64_t now_us, bool at_end) {
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
  take_call(*std::move(found), book);
}

/// The call's session description may say that what was taken for media is none.
void RtpStream::take_call(StreamOfCall found, CallBook& book) {
  call_ = std::move(found);
  kind_of_ = kNoType;
  if (payload_type_) format_ = format_of(*payload_type_);
  const bool was_events = is_event(format_.codec.view());
  if (was_events || is_noise(format_.codec.view())) {
    if (was_events) {
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

void RtpStream::fill(RtpRecord& record, CallBook& book, std::optional<uint32_t> back) const {
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
      record.reported_jitter_us = static_cast<uint32_t>(uint64_t{report->jitter} * 1'000'000 / format_.clock_rate);
    record.round_trip_us = report->round_trip_us;
  }
}

RtpFormat RtpStream::format_of(uint8_t payload_type) const {
  if (call_.formats) {
    const auto said = std::find_if(call_.formats->begin(), call_.formats->end(),
                                   [&](const RtpFormat& format) { return format.payload_type == payload_type; });
    if (said != call_.formats->end()) return *said;
  }
  return static_rtp_format(payload_type);
}

void RtpStream::classify(const RtpPacket& packet) {
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

}  // namespace microcloud
