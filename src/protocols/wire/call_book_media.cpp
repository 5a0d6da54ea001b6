// Of the book: what RTP asks, and what RTCP says.
#include <algorithm>
#include <utility>

#include "protocols/wire/call.h"
#include "protocols/wire/call_book.h"
#include "protocols/wire/voice_quality.h"

namespace microcloud {
namespace {

constexpr int64_t kSecond = 1'000'000;

}  // namespace

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
