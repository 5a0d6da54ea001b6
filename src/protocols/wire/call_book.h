// Calls of a run and where their media is received: SIP writes them, RTP asks whose a stream is.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
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
#include "protocols/wire/call_news.h"
#include "protocols/wire/call_record.h"
#include "protocols/wire/calls_elsewhere.h"
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
  static constexpr size_t kMostElsewhere = 8'192;  // endpoints that were asked for, and as many calls
  static constexpr size_t kMostBranches = 8;       // of a Call-ID at a time: dialogs of a forked INVITE
  static constexpr int64_t kLingerUs = 5'000'000;  // after its end: for the last RTP, or an INVITE with credentials

  CallBook();
  ~CallBook() override;

  /// Before the run begins.
  void rate_by(CodecTable codecs) { codecs_ = std::move(codecs); }
  const CodecTable& codecs() const { return codecs_; }
  /// Before the first packet. Without `elsewhere` nobody is asked and no news are told; it outlives the packets.
  void know(std::string_view probe_id, CallsElsewhere* elsewhere);

  /// A message of the flow. `sdp`: null where it has none. The call that begins with it, if one does: the caller has to
  /// tell it, or to disown it. `news`: what others are to be told at once.
  std::shared_ptr<Call> hear(const SipMessage& message, const Sdp* sdp, const Common& flow, bool from_initiator,
                             int64_t now_us, CallNews& news);
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
  /// The same of calls whose signalling another probe saw, for a stream that find() does not know: asks about those of
  /// its ends that nobody was asked about just now, and looks at what was answered.
  enum class Far : uint8_t { Found, Asked, Unknown };
  enum class Look : uint8_t {
    Ask,
    Again,  // at what was asked
    AtEnd   // the same; of a file, they are asked again, and answers are waited for
  };
  struct FarStream {
    SdpAddress source;
    SdpAddress destination;
    uint32_t ssrc;
    int64_t first_us;  // of its packets
    int64_t last_us;
  };
  Far find_far(const FarStream& stream, const std::shared_ptr<Call>& other, Look look, StreamOfCall& found);
  /// One of its streams is silent: if the call is another probe's, asks whether it is over.
  void ask_if_over(const Call& call);
  /// Answers, on another thread. `said`: nothing: there was none.
  void learn(const SdpAddress& at, std::optional<EndpointElsewhere> said);
  /// Fields and values of the call's key.
  void learn(std::string_view call_id, std::optional<HashTexts> said);

  void name_codec(StreamFacts& stream, std::string_view codec);
  /// What a stream that is over has come to, as callStreams tells it, for other probes; empty: nobody wants to know.
  std::string text_for_others(const StreamOfCall& stream, int64_t first_us);
  static bool is_over(const Call& call);
  /// By then, which is what matters of another probe's calls: these may be told of before their packets are read.
  static bool is_over(const Call& call, int64_t now_us);
  static std::string_view id_of(const Call& call);
  /// As much of one as is kept.
  static std::string_view tag_of(std::string_view tag);

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
  /// Timers B, F and H: no answer comes any more (RFC 3261, 17).
  static constexpr int64_t kAnswerUs = 32'000'000;
  static constexpr size_t kMostOfEndpoint = 6;  // of calls that share one: the newest counts

  std::shared_ptr<Call> begin(const SipMessage& message, const Common& flow, bool from_initiator, int64_t now_us);
  static void hear_invite(Call& call, const SipMessage& message, int64_t now_us);
  static bool hear_answer(Call& call, const SipMessage& message, int64_t now_us);
  static void hear_bye(Call& call, const SipMessage& message, int64_t now_us);
  static void hear_cancel(Call& call, const SipMessage& message, int64_t now_us);
  void tell_news(Call& call, const SipMessage& message, bool has_sdp, int64_t now_us, CallNews& news);
  /// False: not all of its endpoints have room.
  bool fill_news(const Call& call, CallNews& news) const;
  void fill_elsewhere(const Call& call, CallRecord& record) const;
  /// Asks others for what they saw of a call that is due. Is it known, or too late to be told?
  bool has_settled(Call& call, int64_t now_us, Moment moment);
  void hear_sdp(Call& call, const SipMessage& message, const Sdp& sdp, const IpAddress& sender);
  void add_endpoint(Call& call, const SdpAddress& at, Kind kind, const std::shared_ptr<const RtpFormats>& formats);
  const Endpoint* newest(const SdpAddress& at, Kind kind) const;

  // Of the calls of a Call-ID: `first` leads to all of them.
  static Call* dialog_of(Call& first, const SipMessage& message);
  void branch_off(Call& first, Call& branch, int64_t now_us);
  static void end_others(Call& first, const Call& answered, const Common& flow, int64_t now_us);
  static void pass_over(Call& call, int64_t now_us);
  static void rise(Call& call);
  static void cancel_all(Call& first, const SipMessage& message, const Common& flow, int64_t now_us);
  const Endpoint* of_branch(const Endpoint* newest, const SdpAddress& at, const SdpAddress& other_end) const;
  bool leave_its_id(Call& call);
  static std::vector<Call*> all_of(Call& first);
  /// Of a stream as callStreams tells it.
  static Call& dialog_of_stream(Call& first, std::string_view stream);
  /// Does it say what has become of its Call-ID?
  bool speaks(const Call& call) const;
  bool is_wanted_by_others(const Call& call, const SdpAddress& at) const;

  void forget(Call& call);
  void add_stream(StreamOfCall& found, const SdpAddress& source, const SdpAddress& destination, uint32_t ssrc);
  bool is_due(const Call& call, int64_t now_us, Moment moment = Moment::Turn) const;
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

  using Clock = std::chrono::steady_clock;
  struct FarEndpoint {
    bool asked = false;  // the answer comes
    Clock::time_point asked_at;
    EndpointElsewhere said;  // the last answer
    std::list<SdpAddress>::iterator place;
  };
  using FarEndpoints = std::unordered_map<SdpAddress, FarEndpoint, EndpointHash, EndpointEqual>;
  FarEndpoint& far_endpoint(const SdpAddress& at);
  /// Marks it, unless that was done within `apart`. False: then.
  bool begin_to_ask(FarEndpoint& one, Clock::duration apart);
  bool waits_for(const SdpAddress& at) const;
  /// Without the book's lock.
  void ask_for(const SdpAddress& at);
  bool choose_far(const FarStream& stream, StreamOfCall& found);
  std::shared_ptr<Call> far_call(const EndpointElsewhere& said, const SdpAddress& at);

  std::string probe_id_;
  CallsElsewhere* elsewhere_ = nullptr;
  FarEndpoints far_endpoints_;
  std::list<SdpAddress> far_by_age_;
  std::unordered_map<std::string, std::shared_ptr<Call>, TextHash> far_calls_;
  std::list<std::string> far_calls_by_age_;

  struct NumberHash {
    HashSeed seed;
    size_t operator()(uint32_t number) const { return static_cast<size_t>(hash_words(seed, number, 0, 0)); }
  };
  std::unordered_map<uint32_t, Reported, NumberHash> reports_;
  std::list<uint32_t> reports_by_age_;
};

}  // namespace microcloud
