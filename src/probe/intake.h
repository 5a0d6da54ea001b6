// The front of a worker: frames become packets with a complete flow key, or are counted by the reason why not.
#pragma once

#include <span>

#include "base/counter.h"
#include "capture/source.h"
#include "flow/flow_clock.h"
#include "flow/fragments.h"
#include "packet/decode.h"
#include "probe/sampler.h"

namespace microcloud {

/// The first header of a link type that supported() accepts.
FirstHeader first_header(LinkType type);

/// Read by any thread. read = metered + ignored + not sampled + handed over and dropped + held (fragments waiting).
struct IntakeCounters {
  Counter read;
  Counter read_octets;  // as on the wire
  Counter first_us;     // time of the first frame and the latest one, for a summary
  Counter last_us;
  Counter not_sampled;
  Counters<Ignored> ignored;
  Counters<Anomaly> anomalies;
};

class Intake {
 public:
  static constexpr size_t kBurst = 64;
  static constexpr uint32_t kChecksumOneIn = RandomPicks::kOneIn;

  struct Settings {
    bool every_checksum = false;  // check each TCP and UDP checksum, not one in kChecksumOneIn
    bool keep_fragments = false;  // fragments that wait keep their bytes, for reassembly
    HashSeed seed;
    uint32_t sampling = 1;       // one packet in so many is looked at
    uint64_t sampling_seed = 0;  // also of what is verified
  };
  explicit Intake(const Settings& settings)
      : settings_(settings),
        sampler_(settings.sampling, settings.sampling_seed),
        verified_(settings.sampling_seed),
        fragments_(settings.seed, settings.keep_fragments) {}

  /// Decodes a burst; `packets` has room for as many. `port`: which of the probe's interfaces, 0 for a file.
  /// The packets point into the frames.
  size_t take(FirstHeader first, std::span<const Frame> frames, uint16_t port, Packet* packets);
  /// A fragment that waited and may be metered now; it points into the frame of the burst's first fragment, or with
  /// `keep_fragments` into its own until expire().
  bool take_waiting(Packet& packet) { return fragments_.take(packet); }
  /// Gives up fragments that waited too long.
  void expire() { count_lost(fragments_.expire(clock_.tick_ms())); }
  void finish() { count_lost(fragments_.finish()); }

  FlowClock& clock() { return clock_; }
  const IntakeCounters& counters() const { return counters_; }

 private:
  uint64_t take_plain(std::span<const Frame> frames, uint64_t taken, Packet* packets);
  uint64_t sample(size_t count);
  bool take_any(FirstHeader first, const FrameBytes& frame, Packet& packet);
  uint64_t to_verify(size_t count);
  void count_lost(uint64_t count) {
    if (count > 0) counters_.ignored.add(Ignored::LostFragment, count);
  }

  Settings settings_;
  Sampler sampler_;
  RandomPicks verified_;
  FlowClock clock_;
  Fragments fragments_;
  IntakeCounters counters_;
};

}  // namespace microcloud
