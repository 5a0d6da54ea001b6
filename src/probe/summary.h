// What a person wants to see of a run, on one screen: at its end, or live on a terminal.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "base/top_list.h"
#include "flow/flow_record.h"
#include "probe/localities.h"
#include "probe/output.h"
#include "probe/probe.h"
#include "probe/summary_text.h"

namespace microcloud {

/// Adds up flow records; as text it takes the probe's totals beside.
class Summary {
 public:
  /// `local`: the networks of -L; none: nothing is told of localities.
  explicit Summary(PrefixSet local = {}) : localities_(std::move(local)) {}
  void add(const Common& common, const FlowRecord& flow);
  /// `title` is the file's or interface's name.
  std::string text(const std::string& title, const ProbeTotals& totals) const;

 private:
  static constexpr size_t kMostHosts = 100'000, kMostServices = 100'000, kMostApplications = 10'000;

  struct AddressHash {
    size_t operator()(const IpAddress& address) const;
  };
  void add_hosts(const Common& common, const FlowRecord& flow, uint64_t flows);

  Localities localities_;
  TopList<IpAddress, HostSums, AddressHash> hosts_{kMostHosts};
  TopList<uint32_t, TrafficSums> services_{kMostServices};             // protocol << 16 | responder's port
  TopList<std::string, TrafficSums> applications_{kMostApplications};  // as nDPI names them
  std::map<uint8_t, TrafficSums> protocols_;
  std::map<std::string, TrafficSums> tunnels_;  // bounded: by the types' names joined, most kMostTunnelKinds
  TrafficSums all_;
};

/// The closing counts in one line, for runs whose standard output holds records: read = metered + ignored + ...
std::string conservation_text(const ProbeTotals& totals);

/// Draws the summary again each second while the probe runs, and prints it for good at the end. `probe` may be set
/// after the outputs were made.
class SummaryOutput final : public Output {
 public:
  enum class When : uint8_t { AtEnd, Live };
  SummaryOutput(std::string title, When when, PrefixSet local)
      : title_(std::move(title)), when_(when), summary_(std::move(local)) {}
  void watch(const Probe& probe) { probe_ = &probe; }
  /// Any thread: a sentence that stands below the tables from now on.
  void notice(const std::string& sentence);

  void put(const RecordRef& record) override;
  void flush() override;
  void finish() override;
  std::string error() const override { return error_; }

 private:
  void print(const std::string& out);

  std::string title_;
  When when_;
  const Probe* probe_ = nullptr;
  std::string text();

  Summary summary_;
  std::mutex notices_mutex_;
  std::string notices_;
  std::string error_;
  std::chrono::steady_clock::time_point drawn_{};
};

}  // namespace microcloud
