// Calls of a run and where their media is received: SIP writes them, RTP asks whose a stream is.
#pragma once

#include <array>
#include <atomic>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/address.h"
#include "base/counter.h"
#include "base/hash.h"
#include "inspect/shared.h"
#include "protocols/wire/call_record.h"
#include "protocols/wire/codec_table.h"
#include "protocols/wire/sdp.h"
#include "protocols/wire/sip_message.h"

namespace microcloud {

/// How a stream was found to be a call's; the first that holds.
enum class RtpMatch : uint8_t {
  Exact,      // it goes where SDP wants it
  Symmetric,  // it comes from there
  SipSource,  // address of the SIP message's sender, port of its SDP: SDP's address is behind a NAT
  Learned     // one of its ends has a stream that is a call's
};
std::string_view to_text(RtpMatch match);

/// What a stream has come to; written by the thread that reads it, read by any.
struct StreamFacts {
  SdpAddress source;
  SdpAddress destination;
  uint32_t ssrc = 0;
  RtpMatch match = RtpMatch::Exact;
  Counter packets, expected, duplicates, reordered, jitter_us, max_jitter_us, last_us;
  std::string codec;  // under the book's lock
};

class Call;

/// What a session description says of payload types beyond what they mean anyway; its first ones.
using RtpFormats = std::vector<RtpFormat>;

/// A stream's part in a call.
struct StreamOfCall {
  std::shared_ptr<Call> call;
  std::shared_ptr<StreamFacts> facts;  // null: the call has too many
  RtpMatch match = RtpMatch::Exact;
  std::shared_ptr<const RtpFormats> formats;
};

/// What receivers said of a stream in RTCP.
struct RtcpReport {
  int32_t lost = 0;
  uint32_t jitter = 0;                    // in ticks of the timestamp
  std::optional<uint32_t> round_trip_us;  // from here to the receiver and back
};

/// Any thread. Times are those of packets, in microseconds since 1970.
class CallBook final : public Shared::Book {
 public:
  static constexpr size_t kMostCalls = 16'384;
  static constexpr size_t kMostEndpoints = 12;  // of a call
  static constexpr size_t kMostFormats = 8;     // of an endpoint
  static constexpr size_t kMostStreams = 16;    // of a call
  static constexpr size_t kMostReports = 4'096;
  static constexpr int64_t kLingerUs = 5'000'000;  // after its end: for the last RTP, or an INVITE with credentials

  CallBook();
  ~CallBook() override;

  /// Before the run begins.
  void rate_by(CodecTable codecs) { codecs_ = std::move(codecs); }
  const CodecTable& codecs() const { return codecs_; }

  /// A message of the flow. `sdp`: null where it has none. The call that begins with it, if one does: the caller has to
  /// tell it, or to disown it.
  std::shared_ptr<Call> hear(const SipMessage& message, const Sdp* sdp, const Common& flow, bool from_initiator,
                             int64_t now_us);
  /// When a call is looked at: at any time; as its flow ends, where it is not waited for what may yet come; as the run
  /// ends, where all are told as they are.
  enum class Moment : uint8_t { Turn, FlowEnd, RunEnd };
  /// Takes a call out of the book when it is over. False: not yet, or it was taken.
  bool take_if_over(Call& call, int64_t now_us, Moment moment, CallRecord& record);
  /// Its flow is over, it may not be: the book tells it when it ends. `index`: of the record among its flow's.
  void disown(Call& call, uint32_t index);
  /// Which end of its flow sent the INVITE?
  static bool from_initiator(const Call& call);

  /// Whose stream is it? `other`: the call of the stream in the other direction; null: none is known.
  std::optional<StreamOfCall> find(const SdpAddress& source, const SdpAddress& destination, uint32_t ssrc,
                                   const std::shared_ptr<Call>& other);
  void name_codec(StreamFacts& stream, std::string_view codec);
  static bool is_over(const Call& call);
  static std::string_view id_of(const Call& call);

  /// `middle`: bits 16 to 47 of the NTP timestamp in a sender's report (RFC 3550, 6.4.1).
  void sent_report(uint32_t ssrc, uint32_t middle, int64_t now_us);
  /// A report on `ssrc`. `last`, `since`: LSR and DLSR.
  void received_report(uint32_t ssrc, int32_t lost, uint32_t jitter, uint32_t last, uint32_t since, int64_t now_us);
  std::optional<RtcpReport> report_on(uint32_t ssrc);
  /// How long the way from sender to receiver takes, in milliseconds; nothing: its receiver's reports do not say so.
  /// `back`: the stream in the other direction, if there is one.
  std::optional<double> delay_of(uint32_t ssrc, std::optional<uint32_t> back);

  void on_time(int64_t now_us, RecordSink& sink) override;
  void on_end(int64_t now_us, RecordSink& sink) override;

 private:
  enum class Kind : uint8_t { Said, SipSource, Learned };
  struct Endpoint {
    Call* call;
    Kind kind;
    std::shared_ptr<const RtpFormats> formats;
  };
  struct EndpointHash {
    HashSeed seed;
    size_t operator()(const SdpAddress& at) const;
  };
  struct EndpointEqual {
    bool operator()(const SdpAddress& a, const SdpAddress& b) const {
      return a.port == b.port && a.address == b.address;
    }
  };
  struct TextHash {
    HashSeed seed;
    size_t operator()(const std::string& text) const { return static_cast<size_t>(hash_text(seed, text)); }
  };
  struct Reported {
    RtcpReport report;
    bool has_report = false;
    uint32_t middle = 0;
    int64_t sent_us = 0;
    std::list<uint32_t>::iterator place;
  };
  static constexpr size_t kMostOfEndpoint = 6;  // of calls that share one: the newest counts

  std::shared_ptr<Call> begin(const SipMessage& message, const Common& flow, bool from_initiator, int64_t now_us);
  static void hear_invite(Call& call, const SipMessage& message, int64_t now_us);
  static void hear_answer(Call& call, const SipMessage& message, int64_t now_us);
  static void hear_bye(Call& call, const SipMessage& message, int64_t now_us);
  static void hear_cancel(Call& call, const SipMessage& message, int64_t now_us);
  void hear_sdp(Call& call, const SipMessage& message, const Sdp& sdp, const IpAddress& sender);
  void add_endpoint(Call& call, const SdpAddress& at, Kind kind, const std::shared_ptr<const RtpFormats>& formats);
  const Endpoint* newest(const SdpAddress& at, Kind kind) const;
  void forget(Call& call);
  bool is_due(const Call& call, int64_t now_us) const;
  void fill(const Call& call, CallRecord& record, Moment moment) const;
  std::optional<uint32_t> round_trip(uint32_t ssrc) const;
  std::optional<double> delay_between(uint32_t ssrc, std::optional<uint32_t> back) const;
  void tell_orphans(int64_t now_us, Moment moment, RecordSink& sink);
  Reported& reported(uint32_t ssrc);

  CodecTable codecs_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<Call>, TextHash> calls_;
  std::list<Call*> by_age_;  // the one that was heard of longest ago first
  std::unordered_map<SdpAddress, std::vector<Endpoint>, EndpointHash, EndpointEqual> endpoints_;
  std::vector<std::shared_ptr<Call>> orphans_;
  struct NumberHash {
    HashSeed seed;
    size_t operator()(uint32_t number) const { return static_cast<size_t>(hash_words(seed, number, 0, 0)); }
  };
  std::unordered_map<uint32_t, Reported, NumberHash> reports_;
  std::list<uint32_t> reports_by_age_;
};

}  // namespace microcloud
