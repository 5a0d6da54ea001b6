// Of the book: what other probes are told of calls, and what they say.
#include <algorithm>
#include <charconv>

#include "protocols/wire/call.h"
#include "protocols/wire/call_book.h"
#include "record/transaction.h"

namespace microcloud {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kJustNow = std::chrono::milliseconds(250);  // what was asked so long ago at most is not asked again
constexpr auto kNotEachSecond = std::chrono::milliseconds(1'500);  // whether a call is over
constexpr auto kPatience = std::chrono::seconds(1);                // of a call that waits for what others saw of it
constexpr auto kLost = std::chrono::seconds(5);                    // no answer comes any more
// A stream is a call's that lived while it did. Clocks of probes differ, and the last packets come late.
constexpr int64_t kBeforeMs = 500, kBehindMs = 5'000;
constexpr size_t kMostStreamsElsewhere = 64;

/// The text behind ` name=`, up to the next space.
std::string_view value_of(std::string_view text, std::string_view name) {
  size_t at = text.find(name);
  while (at != std::string_view::npos && (at == 0 || text[at - 1] != ' ')) at = text.find(name, at + 1);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + name.size());
  return text.substr(0, text.find(' '));
}

template <typename Number>
std::optional<Number> number_of(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() ? std::optional(number) : std::nullopt;
}

}  // namespace

void CallBook::know(std::string_view probe_id, CallsElsewhere* elsewhere) {
  probe_id_ = probe_id;
  elsewhere_ = elsewhere;
}

// ---- news

/// What another call wants by now is not this one's any more.
bool CallBook::fill_news(const Call& call, CallNews& news) const {
  news.start = to_milliseconds(call.start_us);
  if (call.answer_us != 0) news.answer = to_milliseconds(call.answer_us);
  if (call.end_us != 0) news.end = to_milliseconds(call.end_us);
  if (call.status != 0) news.status = call.status;
  bool all = true;
  for (const SdpAddress& at : call.endpoints) {
    for (const Kind kind : {Kind::Said, Kind::SipSource}) {
      const Endpoint* endpoint = newest(at, kind);
      if (endpoint == nullptr) continue;
      if (endpoint->call == &call && !(news.ended && is_wanted_by_others(call, at)))
        all &= news.add(at, kind == Kind::SipSource, *endpoint->formats);
      break;
    }
  }
  return all;
}

void CallBook::tell_news(Call& call, const SipMessage& message, bool has_sdp, int64_t now_us, CallNews& news) {
  constexpr int64_t kTellAgainUs = 60'000'000;
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

void CallBook::fill_elsewhere(const Call& call, CallRecord& record) const {
  if (record.state != "pending") {
    if (speaks(call)) record.news.state = record.state;
    record.news.ended = true;
    record.news.names_parties = true;
    if (!fill_news(call, record.news)) record.partial.add("media cut");
  }
  for (const std::string& stream : call.streams_elsewhere) {
    if (!record.streams.push(stream)) record.partial.add("streams cut");
    for (const auto& [name, worst] : {std::pair("mos=", &record.mos), std::pair("mosCq=", &record.mos_cq)}) {
      const std::optional<double> mos = number_of<double>(value_of(stream, name));
      if (mos && *mos >= 1 && *mos <= 4.5) *worst = std::min(worst->value_or(5), *mos);
    }
  }
}

bool CallBook::has_settled(Call& call, int64_t now_us, Moment moment) {
  const bool may_wait = elsewhere_ != nullptr && moment != Moment::Turn && elsewhere_->may_wait();
  if (elsewhere_ == nullptr || (moment == Moment::RunEnd && !may_wait)) return true;
  bool asks = false;
  {
    const std::lock_guard lock(mutex_);
    if (call.taken || call.displaced || !is_due(call, now_us, moment)) return true;
    if (!call.asked_others) {
      asks = call.asked_others = call.others_answer = true;
      call.wait_until = Clock::now() + kPatience;
    }
  }
  const bool asked = !asks || elsewhere_->ask(std::string_view(call.id));
  if (asked && may_wait) {
    elsewhere_->settle();
    return true;
  }
  const std::lock_guard lock(mutex_);
  if (!asked) call.others_answer = false;
  return !call.others_answer || Clock::now() >= call.wait_until;
}

/// Of another call with this name, whose key has not expired yet, nothing counts.
void CallBook::learn(std::string_view call_id, std::optional<HashTexts> said) {
  const std::lock_guard lock(mutex_);
  const auto found = calls_.find(std::string(call_id));
  if (found == calls_.end()) return;
  const std::vector<Call*> calls = all_of(*found->second);
  for (Call* const call : calls) {
    call->others_answer = false;
    if (said) call->streams_elsewhere.clear();
  }
  if (!said) return;
  for (const auto& [field, text] : *said) {
    if (!field.starts_with("stream.")) continue;
    Call& call = dialog_of_stream(*found->second, text);
    if (call.streams_elsewhere.size() == kMostStreamsElsewhere) continue;
    const int64_t start_ms = call.start_us / 1000, end_ms = std::max(call.end_us, call.heard_us) / 1000;
    const auto first = number_of<int64_t>(value_of(text, "firstMs=")),
               last = number_of<int64_t>(value_of(text, "lastMs="));
    const bool fits = first && last && *last >= start_ms - kBehindMs && *first <= end_ms + kBehindMs;
    if (!fits || value_of(text, "probeId=") == probe_id_) continue;
    call.streams_elsewhere.push_back(text.substr(0, text.find(" firstMs=")));
  }
  for (Call* const call : calls) std::sort(call->streams_elsewhere.begin(), call->streams_elsewhere.end());
}

// ---- streams of calls that others know

CallBook::FarEndpoint& CallBook::far_endpoint(const SdpAddress& at) {
  const auto [found, is_new] = far_endpoints_.try_emplace(at);
  FarEndpoint& one = found->second;
  if (!is_new) {
    far_by_age_.splice(far_by_age_.end(), far_by_age_, one.place);
    return one;
  }
  one.place = far_by_age_.insert(far_by_age_.end(), at);
  if (far_endpoints_.size() > kMostElsewhere) {
    far_endpoints_.erase(far_by_age_.front());
    far_by_age_.pop_front();
  }
  return one;
}

bool CallBook::begin_to_ask(FarEndpoint& one, Clock::duration apart) {
  const Clock::time_point now = Clock::now();
  const bool never = one.asked_at == Clock::time_point();
  if (!never && now - one.asked_at < (one.asked ? std::max<Clock::duration>(apart, kLost) : apart)) return false;
  one.asked = true;
  one.asked_at = now;
  return true;
}

bool CallBook::waits_for(const SdpAddress& at) const {
  const auto found = far_endpoints_.find(at);
  return found != far_endpoints_.end() && found->second.asked;
}

void CallBook::ask_for(const SdpAddress& at) {
  if (!elsewhere_->ask(at)) learn(at, std::nullopt);
}

CallBook::Far CallBook::find_far(const FarStream& stream, const std::shared_ptr<Call>& other, Look look,
                                 StreamOfCall& found) {
  if (elsewhere_ == nullptr) return Far::Unknown;
  const SdpAddress ends[] = {stream.destination, stream.source};
  const bool may_wait = look == Look::AtEnd && elsewhere_->may_wait();
  if (look == Look::Ask || may_wait) {
    for (const SdpAddress& at : ends) {
      std::unique_lock lock(mutex_);
      if (!begin_to_ask(far_endpoint(at), kJustNow)) continue;
      lock.unlock();
      ask_for(at);
    }
  }
  const auto waits = [&] {
    const std::lock_guard lock(mutex_);
    return std::any_of(std::begin(ends), std::end(ends), [this](const SdpAddress& at) { return waits_for(at); });
  };
  if (waits()) {
    if (look != Look::AtEnd) return Far::Asked;
    if (may_wait) elsewhere_->settle();
  }
  const std::lock_guard lock(mutex_);
  if (!choose_far(stream, found)) {
    if (!other || !other->is_far) return Far::Unknown;
    found.call = other;
    found.match = RtpMatch::Learned;
  }
  add_stream(found, stream.source, stream.destination, stream.ssrc);
  return Far::Found;
}

bool CallBook::choose_far(const FarStream& stream, StreamOfCall& found) {
  struct Try {
    const SdpAddress& at;
    bool of_sip_source;
    RtpMatch match;
  };
  const Try tries[] = {{stream.destination, false, RtpMatch::Exact},
                       {stream.source, false, RtpMatch::Symmetric},
                       {stream.destination, true, RtpMatch::SipSource},
                       {stream.source, true, RtpMatch::SipSource}};
  for (const Try& one : tries) {
    const auto known = far_endpoints_.find(one.at);
    if (known == far_endpoints_.end()) continue;
    const EndpointElsewhere& said = known->second.said;
    if (said.call.empty() || said.of_sip_source != one.of_sip_source) continue;
    const bool is_before = stream.last_us / 1000 < said.since_ms - kBeforeMs;
    const bool is_behind = said.end_ms != 0 && stream.first_us / 1000 > said.end_ms + kBehindMs;
    if (is_before || is_behind) continue;
    found.call = far_call(said, one.at);
    found.match = one.match;
    found.formats = std::make_shared<const RtpFormats>(said.formats);
    return true;
  }
  return false;
}

/// The book's own, where it has heard of the call, too.
std::shared_ptr<Call> CallBook::far_call(const EndpointElsewhere& said, const SdpAddress& at) {
  if (const auto own = calls_.find(said.call); own != calls_.end()) return own->second;
  auto found = far_calls_.find(said.call);
  if (found == far_calls_.end()) {
    if (far_calls_.size() == kMostElsewhere) {
      far_calls_.erase(far_calls_by_age_.front());
      far_calls_by_age_.pop_front();
    }
    auto call = std::make_shared<Call>();
    call->id = said.call;
    call->is_far = true;
    far_calls_by_age_.push_back(said.call);
    found = far_calls_.emplace(said.call, std::move(call)).first;
  }
  Call& call = *found->second;
  call.far_at = at;
  call.over.store(false, std::memory_order_relaxed);
  call.far_end_us.store(said.end_ms * 1000, std::memory_order_relaxed);
  return found->second;
}

void CallBook::ask_if_over(const Call& call) {
  if (elsewhere_ == nullptr || !call.is_far) return;
  SdpAddress at;
  {
    const std::lock_guard lock(mutex_);
    at = call.far_at;
    if (is_over(call) || call.far_end_us.load(std::memory_order_relaxed) != 0) return;
    if (!begin_to_ask(far_endpoint(at), kNotEachSecond)) return;
  }
  ask_for(at);
}

void CallBook::learn(const SdpAddress& at, std::optional<EndpointElsewhere> said) {
  const std::lock_guard lock(mutex_);
  FarEndpoint& one = far_endpoint(at);
  one.asked = false;
  if (!said) return;
  const auto before = far_calls_.find(one.said.call), now = far_calls_.find(said->call);
  // The port is another call's by now, or nobody's.
  if (before != far_calls_.end() && before != now && before->second->far_at.port == at.port &&
      before->second->far_at.address == at.address)
    before->second->over.store(true, std::memory_order_relaxed);
  if (now != far_calls_.end()) now->second->far_end_us.store(said->end_ms * 1000, std::memory_order_relaxed);
  one.said = *std::move(said);
}

}  // namespace microcloud
