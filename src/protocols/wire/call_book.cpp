#include "protocols/wire/call_book.h"

#include <algorithm>
#include <utility>

#include "protocols/wire/call.h"

namespace microcloud {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kUnansweredUs = 300 * kSecond;     // an INVITE without a final answer
constexpr int64_t kSilentMediaUs = 300 * kSecond;    // neither RTP nor SIP any more
constexpr int64_t kWithoutMediaUs = 3600 * kSecond;  // the same where RTP was never seen

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

}  // namespace microcloud
