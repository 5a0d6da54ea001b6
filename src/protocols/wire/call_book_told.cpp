// Of the book: what a call and its streams have come to, as records tell it.
#include <algorithm>
#include <string>

#include "protocols/wire/call.h"
#include "protocols/wire/call_book.h"
#include "protocols/wire/rtp_counts.h"
#include "protocols/wire/told_text.h"
#include "protocols/wire/voice_quality.h"

namespace microcloud {
namespace {

/// Three digits behind the point; `value` is not negative.
std::string thousandths(double value) {
  const auto whole = static_cast<uint64_t>(value * 1000 + 0.5);
  const std::string digits = std::to_string(whole % 1000);
  return std::to_string(whole / 1000) + '.' + std::string(3 - digits.size(), '0') + digits;
}

/// What a stream's R is without delay and with what is known of it.
struct Ratings {
  std::optional<double> listening, conversation;
};

Ratings ratings_of(const StreamFacts& stream, const CodecTable& codecs, std::optional<double> delay_ms) {
  Ratings ratings;
  const auto codec = codecs.find(stream.codec);
  if (!codec) return ratings;
  const double loss = loss_percent(stream.expected.get(), stream.packets.get(), stream.duplicates.get());
  ratings.listening = r_factor(*codec, loss);
  if (delay_ms) ratings.conversation = r_factor(*codec, loss, *delay_ms);
  return ratings;
}

/// A call is as good as its worst stream.
void worsen(std::optional<double>& mos, std::optional<double> r) {
  if (r) mos = std::min(mos.value_or(5), to_thousandths(mos_of(*r)));
}

/// The newest stream between the same ends the other way.
std::optional<uint32_t> back_of(const StreamFacts& stream, const std::vector<std::shared_ptr<StreamFacts>>& all) {
  const auto same = [](const SdpAddress& a, const SdpAddress& b) { return a.port == b.port && a.address == b.address; };
  const auto found = std::find_if(all.rbegin(), all.rend(), [&](const auto& one) {
    return same(one->source, stream.destination) && same(one->destination, stream.source);
  });
  return found == all.rend() ? std::nullopt : std::optional((*found)->ssrc);
}

std::string text_of(const StreamFacts& stream, const Ratings& ratings) {
  std::string text =
      "src=" + text_of(stream.source) + " dst=" + text_of(stream.destination) + " ssrc=" + std::to_string(stream.ssrc);
  const auto add = [&](std::string_view name, std::string value) {
    text += ' ';
    text += name;
    text += '=';
    text += value;
  };
  if (!stream.codec.empty()) add("codec", stream.codec);
  add("packets", std::to_string(stream.packets.get()));
  add("expected", std::to_string(stream.expected.get()));
  add("lost", std::to_string(static_cast<int64_t>(stream.expected.get() - stream.packets.get())));
  add("dup", std::to_string(stream.duplicates.get()));
  add("late", std::to_string(stream.reordered.get()));
  add("jitterUs", std::to_string(stream.jitter_us.get()));
  add("maxJitterUs", std::to_string(stream.max_jitter_us.get()));
  if (ratings.listening) {
    add("mos", thousandths(mos_of(*ratings.listening)));
    add("r", thousandths(*ratings.listening));
  }
  if (ratings.conversation) add("mosCq", thousandths(mos_of(*ratings.conversation)));
  add("match", std::string(to_text(stream.match)));
  return text;
}

std::string told_by(std::string_view probe_id) {
  return probe_id.empty() ? std::string() : " probeId=" + std::string(probe_id);
}

bool is_cancelled(const Call& call) {
  constexpr uint16_t kTerminated = 487;  // which only a CANCEL does
  return call.answer_us == 0 && (call.cancelled || call.passed_over || call.status == kTerminated);
}

}  // namespace

std::string text_of(const SdpAddress& at) {
  const std::string address = to_text(at.address);
  return (at.address.version == 6 ? '[' + address + ']' : address) + ':' + std::to_string(at.port);
}

std::string_view to_text(RtpMatch match) {
  switch (match) {
    case RtpMatch::Exact:
      return "exact";
    case RtpMatch::Symmetric:
      return "symmetric";
    case RtpMatch::SipSource:
      return "sipsource";
    case RtpMatch::Learned:
      return "learned";
  }
  return "";
}

std::string_view end_state(const Call& call) {
  return call.ended ? "completed" : is_cancelled(call) ? "cancelled" : call.status >= 300 ? "failed" : "";
}

void CallBook::fill(const Call& call, CallRecord& record, Moment moment) const {
  const auto milliseconds = [](int64_t time_us) { return to_milliseconds(time_us); };
  record.observed = record.start = milliseconds(call.start_us);
  record.index = call.index;
  record.id.assign(call.id);
  tell_text(record.from, call.from, "text cut", record.partial);
  tell_text(record.to, call.to, "text cut", record.partial);
  tell_text(record.from_tag, call.from_tag, "text cut", record.partial);
  tell_text(record.to_tag, call.to_tag, "text cut", record.partial);
  tell_text(record.reason, call.reason, "text cut", record.partial);
  if (call.answer_us != 0) record.answer = milliseconds(call.answer_us);
  if (call.end_us != 0) record.end = milliseconds(call.end_us);
  if (call.status != 0) record.status = call.status;
  const int64_t heard_us = call.ringing_us != 0 ? call.ringing_us : call.answer_us;
  if (heard_us != 0 && !call.no_invite)
    record.post_dial_delay_ms = static_cast<uint32_t>(std::max<int64_t>(0, heard_us - call.start_us) / 1000);
  record.early_media = call.early_media;
  record.reinvites = call.reinvites;
  record.holds = call.holds;
  record.state = end_state(call);
  if (record.state.empty()) record.state = moment == Moment::RunEnd ? "pending" : "timeout";
  if (call.no_invite) record.partial.add("INVITE not seen");
  if (call.displaced) record.partial.add("too many calls");
  if (call.endpoints_cut || call.sdp_cut) record.partial.add("media cut");
  if (call.streams_cut) record.partial.add("streams cut");
  for (const auto& stream : call.streams) {
    const Ratings ratings = ratings_of(*stream, codecs_, delay_between(stream->ssrc, back_of(*stream, call.streams)));
    if (!record.streams.push(text_of(*stream, ratings) + told_by(probe_id_))) record.partial.add("streams cut");
    worsen(record.mos, ratings.listening);
    worsen(record.mos_cq, ratings.conversation);
    const std::string_view codec = stream->codec;
    bool told = codec.empty();
    for (size_t at = 0; at < record.codecs.size(); ++at) told |= record.codecs[at] == codec;
    if (!told) record.codecs.push(codec);
  }
  if (elsewhere_ != nullptr) fill_elsewhere(call, record);
}

std::string CallBook::text_for_others(const StreamOfCall& stream, int64_t first_us) {
  if (elsewhere_ == nullptr || stream.facts == nullptr) return {};
  const std::lock_guard lock(mutex_);
  const StreamFacts& facts = *stream.facts;
  const Ratings ratings = ratings_of(facts, codecs_, delay_between(facts.ssrc, back_of(facts, stream.call->streams)));
  return text_of(facts, ratings) + told_by(probe_id_) + " firstMs=" + std::to_string(first_us / 1000) +
         " lastMs=" + std::to_string(facts.last_us.get() / 1000);
}

}  // namespace microcloud
