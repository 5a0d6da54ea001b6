#include "protocols/wire/call_book.h"

#include <algorithm>
#include <utility>

#include "protocols/wire/call.h"
#include "protocols/wire/rtp_counts.h"
#include "protocols/wire/told_text.h"
#include "protocols/wire/voice_quality.h"

namespace microcloud {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kUnansweredUs = 300 * kSecond;     // an INVITE without a final answer
constexpr int64_t kSilentMediaUs = 300 * kSecond;    // neither RTP nor SIP any more
constexpr int64_t kWithoutMediaUs = 3600 * kSecond;  // the same where RTP was never seen

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

bool is_cancelled(const Call& call) {
  constexpr uint16_t kTerminated = 487;  // which only a CANCEL does
  return call.answer_us == 0 && (call.cancelled || call.passed_over || call.status == kTerminated);
}

std::string told_by(std::string_view probe_id) {
  return probe_id.empty() ? std::string() : " probeId=" + std::string(probe_id);
}

/// As callState says it; empty: it has not ended.
std::string_view end_state(const Call& call) {
  return call.ended ? "completed" : is_cancelled(call) ? "cancelled" : call.status >= 300 ? "failed" : "";
}

/// Those that mean something else than they do anyway.
RtpFormats special_formats(const SdpMedia& media) {
  RtpFormats formats;
  for (size_t at = 0; at < media.formats.count && formats.size() < CallBook::kMostFormats; ++at) {
    const RtpFormat& format = media.formats.items[at];
    const RtpFormat usual = static_rtp_format(format.payload_type);
    if (format.codec.view() != usual.codec.view() || format.clock_rate != usual.clock_rate) formats.push_back(format);
  }
  return formats;
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

size_t CallBook::EndpointHash::operator()(const SdpAddress& at) const {
  uint64_t low = 0, high = 0;
  std::memcpy(&low, at.address.bytes.data(), sizeof low);
  std::memcpy(&high, at.address.bytes.data() + sizeof low, sizeof high);
  return static_cast<size_t>(hash_words(seed, low, high, at.port));
}

CallBook::CallBook()
    : calls_(0, TextHash{HashSeed::random()}),
      endpoints_(0, EndpointHash{HashSeed::random()}, EndpointEqual{}),
      reports_(0, NumberHash{HashSeed::random()}) {}

CallBook::~CallBook() = default;

bool CallBook::from_initiator(const Call& call) {
  return call.from_initiator;
}
bool CallBook::is_over(const Call& call) {
  return call.over.load(std::memory_order_relaxed);
}
bool CallBook::is_over(const Call& call, int64_t now_us) {
  const int64_t end_us = call.far_end_us.load(std::memory_order_relaxed);
  return is_over(call) || (end_us != 0 && now_us >= end_us);
}
std::string_view CallBook::id_of(const Call& call) {
  return call.id;
}

// ---- what SIP says

std::shared_ptr<Call> CallBook::hear(const SipMessage& message, const Sdp* sdp, const Common& flow, bool from_initiator,
                                     int64_t now_us, CallNews& news) {
  constexpr size_t kMostOfId = 256;
  if (message.call_id.empty()) return nullptr;
  const std::lock_guard lock(mutex_);
  const auto known = calls_.find(std::string(message.call_id.substr(0, kMostOfId)));
  std::shared_ptr<Call> begun;
  Call* call = known == calls_.end() ? nullptr : dialog_of(*known->second, message);
  if (call == nullptr) {
    const bool begins =
        message.method == "INVITE" && (message.is_request() || (message.status > 100 && message.status < 300));
    if (!begins) return nullptr;
    begun = begin(message, flow, message.is_request() ? from_initiator : !from_initiator, now_us);
    call = begun.get();
    if (!message.is_request()) branch_off(*calls_.find(call->id)->second, *call, now_us);
  }
  call->heard_us = std::max(call->heard_us, now_us);
  by_age_.splice(by_age_.end(), by_age_, call->place);
  if (message.method == "INVITE") {
    if (message.is_request()) {
      hear_invite(*call, message, now_us);
    } else {
      if (hear_answer(*call, message, now_us)) end_others(*calls_.find(call->id)->second, *call, flow, now_us);
    }
  } else if (message.method == "BYE") {
    hear_bye(*call, message, now_us);
  } else if (message.method == "CANCEL") {
    cancel_all(*calls_.find(call->id)->second, message, flow, now_us);
  }
  if (sdp != nullptr) hear_sdp(*call, message, *sdp, from_initiator ? flow.source : flow.destination);
  if (elsewhere_ != nullptr) tell_news(*call, message, sdp != nullptr, now_us, news);
  return begun;
}

std::shared_ptr<Call> CallBook::begin(const SipMessage& message, const Common& flow, bool from_initiator,
                                      int64_t now_us) {
  if (by_age_.size() >= kMostCalls) {
    const std::shared_ptr<Call> oldest = by_age_.front()->shared_from_this();
    oldest->displaced = true;
    forget(*oldest);
    // Whoever owns it finds it due.
  }
  auto call = std::make_shared<Call>();
  call->id = message.call_id.substr(0, 256);
  call->from = message.from;
  call->to = message.to;
  call->flow = flow;
  call->flow.probe_id = call->flow.source_user = call->flow.destination_user = {};
  call->flow.packet_us = 0;
  call->from_initiator = from_initiator;
  call->start_us = now_us;
  call->no_invite = !message.is_request();
  if (call->no_invite) call->last_invite = message.cseq.value_or(0);
  call->from_tag = tag_of(message.from_tag);
  if (!message.is_request()) call->to_tag = tag_of(message.to_tag);
  call->place = by_age_.insert(by_age_.end(), call.get());
  const auto [known, is_new] = calls_.emplace(call->id, call);
  if (!is_new) known->second->branches.push_back(call);
  return call;
}

void CallBook::hear_invite(Call& call, const SipMessage& message, int64_t) {
  const uint32_t cseq = message.cseq.value_or(0);
  if (call.answer_us == 0) {
    // With credentials, or elsewhere: the same call goes on.
    if (call.due_us != 0 && !call.cancelled && cseq > call.last_invite) {
      call.due_us = call.end_us = 0;
      call.status = 0;
      call.fallen = call.passed_over = false;
      call.from_tag = tag_of(message.from_tag);
      call.to_tag.clear();
      call.over.store(false, std::memory_order_relaxed);
    }
  } else if (!call.ended && cseq != call.last_invite && !message.to_tag.empty()) {
    ++call.reinvites;
  }
  call.last_invite = std::max(call.last_invite, cseq);
}

/// Is it the INVITE's final one?
bool CallBook::hear_answer(Call& call, const SipMessage& message, int64_t now_us) {
  if (call.answer_us != 0 || message.cseq.value_or(0) < call.last_invite) return false;
  if (!message.is_provisional()) rise(call);
  if (call.due_us != 0) return false;
  if (message.is_provisional()) {
    if (message.status > 100 && call.ringing_us == 0) call.ringing_us = now_us;
    return false;
  }
  call.status = message.status;
  if (message.is_success()) {
    call.answer_us = now_us;
    return true;
  }
  if (call.end_us == 0) call.end_us = now_us;
  call.due_us = now_us + kLingerUs;
  call.over.store(true, std::memory_order_relaxed);
  return true;
}

void CallBook::hear_bye(Call& call, const SipMessage& message, int64_t now_us) {
  if (message.is_request()) {
    if (call.reason.empty()) call.reason = message.reason;
    if (call.end_us == 0) call.end_us = now_us;
    if (call.due_us == 0) call.due_us = now_us + kAnswerUs;
    call.ended = true;
  } else if (!message.is_provisional() && message.status != 401 && message.status != 407) {
    if (call.end_us == 0) call.end_us = now_us;
    if (!call.over.load(std::memory_order_relaxed)) call.due_us = now_us + kLingerUs;
    call.ended = true;
    call.over.store(true, std::memory_order_relaxed);
  }
}

/// The INVITE's final answer tells that it was (487), or that it came too late (200).
void CallBook::hear_cancel(Call& call, const SipMessage& message, int64_t now_us) {
  if (!message.is_request() || call.answer_us != 0) return;
  if (call.reason.empty()) call.reason = message.reason;
  if (!call.cancelled && call.due_us == 0) call.end_us = now_us;
  call.cancelled = true;
}

void CallBook::hear_sdp(Call& call, const SipMessage& message, const Sdp& sdp, const IpAddress& sender) {
  call.sdp_cut |= sdp.cut;
  if (message.method == "INVITE" && message.is_provisional()) call.early_media = true;
  const IpAddress& caller = call.from_initiator ? call.flow.source : call.flow.destination;
  bool& holding = call.holding[sender == caller ? 0 : 1];
  bool held = false;
  for (size_t at = 0; at < sdp.media.count; ++at) {
    const SdpMedia& media = sdp.media.items[at];
    if (media.port == 0) continue;
    held |= media.held;
    const auto formats = std::make_shared<const RtpFormats>(special_formats(media));
    const bool anywhere = media.address.bytes != std::array<uint8_t, 16>{};
    if (anywhere) add_endpoint(call, {media.address, media.port}, Kind::Said, formats);
    for (size_t one = 0; one < media.candidates.count; ++one) {
      add_endpoint(call, media.candidates.items[one], Kind::Said, formats);
    }
    if (media.address != sender) add_endpoint(call, {sender, media.port}, Kind::SipSource, formats);
  }
  if (held && !holding && call.answer_us != 0) ++call.holds;
  holding = held;
  if (call.to_tag.empty() && message.is_request()) call.offered = call.endpoints.size();
}

void CallBook::add_endpoint(Call& call, const SdpAddress& at, Kind kind,
                            const std::shared_ptr<const RtpFormats>& formats) {
  std::vector<Endpoint>& those = endpoints_[at];
  // A repeated message is no newer call; another session description of the same call is.
  const auto mine = std::find_if(those.begin(), those.end(),
                                 [&](const Endpoint& one) { return one.call == &call && one.kind == kind; });
  if (mine != those.end()) {
    mine->formats = formats;
    return;
  }
  if (call.endpoints.size() == kMostEndpoints) {
    call.endpoints_cut = true;
    if (those.empty()) endpoints_.erase(at);
    return;
  }
  if (those.size() == kMostOfEndpoint) those.erase(those.begin());
  those.push_back({&call, kind, formats});
  call.endpoints.push_back(at);
}

// ---- what becomes of calls

bool CallBook::is_due(const Call& call, int64_t now_us, Moment moment) const {
  if (moment == Moment::RunEnd || (moment == Moment::FlowEnd && is_over(call))) return true;
  if (call.displaced) return true;
  if (call.due_us != 0) return now_us >= call.due_us;
  int64_t last_us = call.heard_us;
  for (const auto& stream : call.streams) last_us = std::max(last_us, static_cast<int64_t>(stream->last_us.get()));
  const int64_t silent_us = now_us - last_us;
  if (call.cancelled) return silent_us >= kAnswerUs;
  if (call.answer_us == 0) return silent_us >= kUnansweredUs;
  return silent_us >= (call.streams.empty() ? kWithoutMediaUs : kSilentMediaUs);
}

bool CallBook::take_if_over(Call& call, int64_t now_us, Moment moment, CallRecord& record) {
  if (!has_settled(call, now_us, moment)) return false;
  const std::lock_guard lock(mutex_);
  if (call.taken || !is_due(call, now_us, moment)) return false;
  call.taken = true;
  fill(call, record, moment);
  forget(call);
  return true;
}

void CallBook::disown(Call& call, uint32_t index) {
  const std::lock_guard lock(mutex_);
  if (call.taken) return;
  call.index = index;
  call.orphan = true;
  if (!call.displaced) orphans_.push_back(call.shared_from_this());
}

/// No stream finds it any more; those that have keep it.
void CallBook::forget(Call& call) {
  for (const SdpAddress& at : call.endpoints) {
    const auto found = endpoints_.find(at);
    if (found == endpoints_.end()) continue;
    std::erase_if(found->second, [&](const Endpoint& one) { return one.call == &call; });
    if (found->second.empty()) endpoints_.erase(found);
  }
  call.endpoints.clear();
  call.over.store(true, std::memory_order_relaxed);
  if (leave_its_id(call)) by_age_.erase(call.place);
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

void CallBook::tell_orphans(int64_t now_us, Moment moment, RecordSink& sink) {
  std::vector<std::shared_ptr<Call>> due;
  {
    const std::lock_guard lock(mutex_);
    std::copy_if(orphans_.begin(), orphans_.end(), std::back_inserter(due),
                 [&](const std::shared_ptr<Call>& call) { return is_due(*call, now_us, moment); });
  }
  for (const std::shared_ptr<Call>& call : due) {
    CallRecord record;
    if (!take_if_over(*call, now_us, moment, record)) continue;
    {
      const std::lock_guard lock(mutex_);
      std::erase(orphans_, call);
    }
    Common ends = call->flow;
    if (!call->from_initiator) {
      std::swap(ends.source, ends.destination);
      std::swap(ends.source_port, ends.destination_port);
    }
    sink.put({&kCallRecordType, &ends, &record});
  }
}

void CallBook::on_time(int64_t now_us, RecordSink& sink) {
  tell_orphans(now_us, Moment::Turn, sink);
}
void CallBook::on_end(int64_t now_us, RecordSink& sink) {
  tell_orphans(now_us, Moment::RunEnd, sink);
}

// ---- what RTP asks

const CallBook::Endpoint* CallBook::newest(const SdpAddress& at, Kind kind) const {
  const auto found = endpoints_.find(at);
  if (found == endpoints_.end()) return nullptr;
  const auto last =
      std::find_if(found->second.rbegin(), found->second.rend(), [&](const Endpoint& one) { return one.kind == kind; });
  return last == found->second.rend() ? nullptr : &*last;
}

std::optional<StreamOfCall> CallBook::find(const SdpAddress& source, const SdpAddress& destination, uint32_t ssrc,
                                           const std::shared_ptr<Call>& other) {
  struct Try {
    const SdpAddress& at;
    Kind kind;
    RtpMatch match;
  };
  const Try tries[] = {
      {destination, Kind::Said, RtpMatch::Exact},          {source, Kind::Said, RtpMatch::Symmetric},
      {destination, Kind::SipSource, RtpMatch::SipSource}, {source, Kind::SipSource, RtpMatch::SipSource},
      {destination, Kind::Learned, RtpMatch::Learned},     {source, Kind::Learned, RtpMatch::Learned}};
  const std::lock_guard lock(mutex_);
  StreamOfCall found;
  for (const Try& one : tries) {
    // The other direction's call is as sure as what it was found by; what was learnt of others is not.
    if (one.kind == Kind::Learned && other && !other->taken) break;
    if (const Endpoint* endpoint = newest(one.at, one.kind)) {
      endpoint = of_branch(endpoint, one.at, &one.at == &source ? destination : source);
      found.call = endpoint->call->shared_from_this();
      found.match = one.match;
      found.formats = endpoint->formats;
      break;
    }
  }
  if (!found.call) {
    if (!other || other->taken || other->is_far) return std::nullopt;
    found.call = other;
    found.match = RtpMatch::Learned;
  }
  add_stream(found, source, destination, ssrc);
  return found;
}

void CallBook::add_stream(StreamOfCall& found, const SdpAddress& source, const SdpAddress& destination, uint32_t ssrc) {
  Call& call = *found.call;
  if (call.streams.size() < kMostStreams) {
    found.facts = std::make_shared<StreamFacts>();
    found.facts->source = source;
    found.facts->destination = destination;
    found.facts->ssrc = ssrc;
    found.facts->match = found.match;
    call.streams.push_back(found.facts);
  } else {
    call.streams_cut = true;
  }
  if (!call.is_far) add_endpoint(call, source, Kind::Learned, found.formats);
}

void CallBook::name_codec(StreamFacts& stream, std::string_view codec) {
  const std::lock_guard lock(mutex_);
  stream.codec = codec;
}

std::string CallBook::text_for_others(const StreamOfCall& stream, int64_t first_us) {
  if (elsewhere_ == nullptr || stream.facts == nullptr) return {};
  const std::lock_guard lock(mutex_);
  const StreamFacts& facts = *stream.facts;
  const Ratings ratings = ratings_of(facts, codecs_, delay_between(facts.ssrc, back_of(facts, stream.call->streams)));
  return text_of(facts, ratings) + told_by(probe_id_) + " firstMs=" + std::to_string(first_us / 1000) +
         " lastMs=" + std::to_string(facts.last_us.get() / 1000);
}

void CallBook::tell_news(Call& call, const SipMessage& message, bool has_sdp, int64_t now_us, CallNews& news) {
  constexpr int64_t kTellAgainUs = 60 * kSecond;
  if (!speaks(call)) return;
  const bool over = is_over(call);
  const std::string_view state = over                   ? end_state(call)
                                 : call.answer_us != 0  ? "answered"
                                 : call.ringing_us != 0 ? "ringing"
                                                        : "calling";
  if (state == call.told_state && !has_sdp && now_us - call.told_us < kTellAgainUs) return;
  call.told_state = news.state = state;
  call.told_us = now_us;
  news.ended = over;
  news.names_parties = message.from == call.from;
  call.endpoints_cut |= !fill_news(call, news);
}

// ---- what RTCP says

CallBook::Reported& CallBook::reported(uint32_t ssrc) {
  const auto [at, is_new] = reports_.try_emplace(ssrc);
  if (!is_new) {
    reports_by_age_.splice(reports_by_age_.end(), reports_by_age_, at->second.place);
    return at->second;
  }
  at->second.place = reports_by_age_.insert(reports_by_age_.end(), ssrc);
  if (reports_.size() > kMostReports) {
    reports_.erase(reports_by_age_.front());
    reports_by_age_.pop_front();
  }
  return at->second;
}

void CallBook::sent_report(uint32_t ssrc, uint32_t middle, int64_t now_us) {
  const std::lock_guard lock(mutex_);
  Reported& one = reported(ssrc);
  one.middle = middle;
  one.sent_us = now_us;
}

void CallBook::received_report(uint32_t ssrc, int32_t lost, uint32_t jitter, uint32_t last, uint32_t since,
                               int64_t now_us) {
  const std::lock_guard lock(mutex_);
  Reported& one = reported(ssrc);
  one.has_report = true;
  one.report.lost = lost;
  one.report.jitter = jitter;
  if (last == 0 || last != one.middle) return;
  const int64_t round_us = now_us - one.sent_us - (static_cast<int64_t>(since) * kSecond >> 16);
  if (round_us >= 0 && round_us < 60 * kSecond) one.report.round_trip_us = static_cast<uint32_t>(round_us);
}

std::optional<RtcpReport> CallBook::report_on(uint32_t ssrc) {
  const std::lock_guard lock(mutex_);
  const auto found = reports_.find(ssrc);
  if (found == reports_.end() || !found->second.has_report) return std::nullopt;
  return found->second.report;
}

std::optional<uint32_t> CallBook::round_trip(uint32_t ssrc) const {
  const auto found = reports_.find(ssrc);
  return found == reports_.end() ? std::nullopt : found->second.report.round_trip_us;
}

std::optional<double> CallBook::delay_between(uint32_t ssrc, std::optional<uint32_t> back) const {
  const std::optional<uint32_t> receiver_us = round_trip(ssrc);
  if (!receiver_us) return std::nullopt;
  return one_way_delay(*receiver_us, back ? round_trip(*back) : std::nullopt);
}

std::optional<double> CallBook::delay_of(uint32_t ssrc, std::optional<uint32_t> back) {
  const std::lock_guard lock(mutex_);
  return delay_between(ssrc, back);
}

}  // namespace microcloud
