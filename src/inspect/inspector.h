// Looks into flows, for one worker: nDPI until it has named the application, and the parser of the flow's protocol.
#pragma once

#include <array>
#include <atomic>
#include <bitset>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "base/pool.h"
#include "flow/flow_observer.h"
#include "inspect/announcements.h"
#include "inspect/disclosure.h"
#include "inspect/ip_reassembly.h"
#include "inspect/ndpi_adapter.h"
#include "inspect/parser.h"
#include "inspect/tcp_stream.h"

namespace microcloud {

/// What is at a port of either end is this protocol, whatever its bytes look like.
struct DecodeAs {
  uint8_t transport = 0;  // ip_protocol
  uint16_t port = 0;
  const Protocol* protocol = nullptr;  // of those switched on
};

/// What a run looks for. `protocols`: of those switched on, at most 64.
struct InspectSettings {
  bool applications = true;  // nDPI
  std::string ndpi_protocols;
  std::vector<const Protocol*> protocols;
  std::vector<DecodeAs> decode_as;  // the first that fits counts
  HashSeed seed;
  Disclosure disclosure;
  std::shared_ptr<Shared> shared = std::make_shared<Shared>();                       // by all workers of a run
  std::shared_ptr<Announcements> announcements = std::make_shared<Announcements>();  // of all workers of a run

  bool anything() const { return applications || !protocols.empty(); }
};

/// Read by any thread.
struct InspectCounters {
  Counter shown;         // packets given to nDPI
  Counter recognised;    // flows whose protocol has a parser; once more where another one took over
  Counter named;         // of them, those that only nDPI recognised
  Counter malformed;     // flows given up by their parser
  Counter pieces;        // datagrams and parts of streams that somebody was to read: read, refused, or kept yet
  Counter read;          // by a parser, or found to be nobody's
  Counter refused;       // not understood by their parser, or behind what it did not
  Counter transactions;  // records of parsers
  Counter no_memory;     // flows that nDPI had no room for
  StreamCounters streams;
};

class Inspector final : public FlowObserver {
 public:
  /// Throws std::runtime_error: see Ndpi.
  Inspector(const InspectSettings& settings, RecordSink& sink);
  ~Inspector() override;

  Watch opened(const FlowView& flow) override;
  Watch packet(uint32_t handle, const Packet& packet, const FlowView& flow) override;
  void over(uint32_t handle, EndReason why, const FlowView& flow) override;
  void describe(uint32_t handle, EndReason why, FlowRecord& record) override;
  void peek(uint32_t handle, FlowRecord& record) override;
  void closed(uint32_t handle) override;

  /// Once a burst: parsers hear of the time, each about once a second.
  void on_time(int64_t now_us, uint32_t tick_ms);
  /// Any thread: names flows by this nDPI from the next burst on; those that are open get the name they have by then.
  void offer(std::unique_ptr<Ndpi> ndpi) { delete offered_.exchange(ndpi.release()); }
  /// No packet follows: fragments that still wait are given up.
  void finish() { reassembly_.finish(); }
  /// All flows were told: what they have in common with other workers' is told by the last one of them.
  void leave() { settings_.shared->leave(now_us_, sink_); }

  const InspectCounters& counters() const { return counters_; }
  const IpReassembly::Counters& reassembly() const { return reassembly_.counters(); }

 private:
  struct Session;
  class Talk;
  /// Of a flow that is not decided, or that has a parser.
  struct State {
    Ndpi::Flow* dpi = nullptr;
    Application application;
    std::unique_ptr<Session> session;
    const Protocol* reader = nullptr;  // whose parser reads it, or read it last
    const Protocol* named = nullptr;   // whose nDPI says that it is; once it is read: only if nobody else knew
    uint32_t transactions = 0;         // of the flow; the last one's index
    uint32_t told = 0;                 // of the slice
    PoolString server_name;            // empty: none was said
    uint32_t next_free = 0;
    uint8_t looks_left = 0;  // segments in which another protocol may yet take over
  };
  /// So many segments with payload that no parser reads are searched for a protocol that takes over: greetings and
  /// STARTTLS are a handful, a proxy's CONNECT one or two.
  static constexpr uint8_t kMostLooks = 16;
  static constexpr uint32_t kDecided = 1U << 31;  // the handle is a place in verdicts_, no state is left

  State& state(uint32_t handle) { return states_[handle - 1]; }
  uint32_t take_state();
  std::unique_ptr<Session> take_session(uint32_t handle);
  void free_session(std::unique_ptr<Session>& session);
  void free_state(uint32_t handle);
  void heed(State& state, Ndpi::Progress progress, uint8_t transport);
  const Protocol* named_by_ndpi(const Ndpi::Flow& flow, uint8_t transport) const;
  void conclude(State& state);
  void adopt(std::unique_ptr<Ndpi> ndpi);
  Watch settle(uint32_t handle);
  uint32_t intern(const Application& application);
  static void put(const Application& application, FlowRecord& record);

  uint64_t candidates(uint8_t transport) const;
  /// The protocols that have this usual port.
  uint64_t at_port(uint16_t port) const;
  uint8_t looks_after(const Protocol* reader) const;
  void look(uint32_t handle, const Packet& packet, const FlowView& flow);
  Session& begin_again(uint32_t handle, const FlowView& flow);
  void take_over(uint32_t handle, const Protocol& protocol, const Packet& packet, const FlowView& flow);
  void hand_over(uint32_t handle, const Packet& packet, const FlowView& flow);
  void read(Session& session, const Packet& packet, bool from_initiator);
  [[gnu::noinline]] void read_fragment(Session& session, const Packet& packet, const FlowView& flow);
  void read_tcp(Session& session, const Packet& packet, Bytes bytes, bool from_initiator);
  void feed(Session& session, const Segment& segment);
  static Segment beginning(const Session& session, const Segment& segment, std::vector<uint8_t>& bytes);
  uint64_t announced_to(const Common& flow) const;
  /// What the user says the flow is; nullptr: nothing.
  const Protocol* decoded_as(const Common& flow) const;
  void recognise(Session& session, const Segment& segment);
  void keep_early(Session& session, const Segment& segment);
  void drop_early(Session& session);
  void start(Session& session, const Protocol& protocol, bool named = false);
  void give(Session& session, const Segment& segment);
  void listen(Session& session);
  void stop_listening(Session& session);

  InspectSettings settings_;
  std::vector<const Protocol*> takers_;               // of the protocols, those that may take over
  uint64_t over_tcp_ = 0, over_udp_ = 0;              // a bit for each protocol
  uint64_t own_proxy_header_ = 0;                     // the same
  std::vector<std::pair<uint16_t, uint64_t>> usual_;  // ports and their protocols, by port
  std::vector<const Protocol*> named_;                // by nDPI's number; nullptr: nobody's
  std::bitset<4096> maybe_usual_;                     // of a port's lower bits: most are nobody's
  RecordSink& sink_;
  std::unique_ptr<Ndpi> ndpi_;
  std::atomic<Ndpi*> offered_{nullptr};
  std::vector<std::unique_ptr<Ndpi>> retired_;  // one a reload: their names
  IpReassembly reassembly_;
  std::vector<State> states_;
  uint32_t free_ = 0;  // the first free state's handle, 0: none
  struct Key {
    const char* name;
    const char* category;
    uint64_t risks;
    uint32_t score_and_confidence;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    size_t operator()(const Key& key) const {
      constexpr std::hash<const char*> kPlace;
      return hash_words(HashSeed{}, kPlace(key.name), kPlace(key.category),
                        key.risks ^ uint64_t{key.score_and_confidence} << 32);
    }
  };
  std::unordered_map<Key, uint32_t, KeyHash> verdict_numbers_;
  std::vector<Application> verdicts_;
  std::vector<Session*> listening_;  // whose parsers hear of the time
  size_t next_listener_ = 0;
  int64_t now_us_ = 0;
  int64_t told_time_us_ = 0;
  int64_t shared_time_us_ = 0;
  InspectCounters counters_;
};

}  // namespace microcloud
