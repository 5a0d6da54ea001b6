// What the program counts, as a page in the text format of Prometheus
// (https://prometheus.io/docs/instrumenting/exposition_formats/), and the ladder of losses.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/histogram.h"

namespace microcloud {

/// One stage of the way from the wire to an output: in = out + dropped + held, in packets (nic, ring, decode, table) or
/// records (queue, export, cloud, store).
struct LossStage {
  std::string_view stage;
  uint64_t in = 0;
  uint64_t out = 0;
  std::vector<std::pair<std::string_view, uint64_t>> dropped;  // by reason, a few fixed words
  uint64_t held() const;                                       // what came in and is still here
};

/// The stages of a run, in the order of the way; the same stage again (a second collector): the counts add up.
class LossLadder {
 public:
  void add(const LossStage& stage);
  const std::vector<LossStage>& stages() const { return stages_; }

 private:
  std::vector<LossStage> stages_;
};

/// One reading of all counters. Names are microcloud_<what>_<unit>[_total], in base units; labels are few and fixed:
/// never an address, a user or a name from the traffic.
class MetricsPage {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  /// The same name and labels again: the values add up.
  void counter(std::string_view name, std::string_view help, Labels labels, uint64_t value);
  void gauge(std::string_view name, std::string_view help, Labels labels, double value);
  /// In seconds.
  void histogram(std::string_view name, std::string_view help, Labels labels, const HistogramCounts& counts);
  /// microcloud_dropped_total{stage,reason}, microcloud_stage_{in,out}_total{stage} and microcloud_stage_held{stage}.
  /// The same stage again (a second collector): the values add up.
  void ladder(const LossStage& stage);
  std::string text() const;

 private:
  enum class Kind : uint8_t { Counter, Gauge, Histogram };
  struct Sample {
    std::string labels;  // a="b",c="d"
    uint64_t whole = 0;
    double value = 0;
    HistogramCounts counts = {};
  };
  struct Family {
    std::string name;
    std::string help;
    Kind kind;
    std::vector<Sample> samples;
  };
  Sample& sample(std::string_view name, std::string_view help, Kind kind, Labels labels);
  static void print(const Family& family, const Sample& sample, std::string& out);

  std::vector<Family> families_;
};

/// Who has something to tell adds a reading before the program runs; any thread may ask for a page then.
class MetricsRegistry {
 public:
  using Reading = std::function<void(MetricsPage&)>;
  void add(Reading reading);
  std::string text() const;

 private:
  mutable std::mutex mutex_;
  std::vector<Reading> readings_;
};

}  // namespace microcloud
