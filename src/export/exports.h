// All collectors of a probe: who gets which record, and what became of them.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "export/exporter.h"
#include "net/tls_connection.h"

namespace microcloud {

/// How long records wait for collectors that are away or slow, when the run ends or (of a file) nothing more can be
/// held.
struct Drain {
  std::chrono::milliseconds longest{30'000};
  std::function<bool()> hurried;  // the run was told to end: then it waits no longer than 3 s
};

struct ExportPlan {
  std::vector<std::string> collectors;  // as -n gives them
  bool to_all = false;                  // each record to every collector; else each flow's records to one of them
  TlsSettings tls;
  Drain drain;
  ExportSettings settings;
};

/// Counters are read by any thread, all else is used by the output thread alone.
class Exports {
 public:
  /// Throws std::invalid_argument for a collector that cannot be, std::runtime_error where one cannot be opened.
  explicit Exports(const ExportPlan& plan);
  ~Exports();

  void put(const RecordRef& record);
  void flush();
  void finish();
  /// One sentence: what failed for good, or, after finish(), what the collectors did not take in a run that was left to
  /// its end.
  std::string error() const;

  size_t size() const { return collectors_.size(); }
  const std::string& name(size_t at) const;
  const ExportCounters& counters(size_t at) const;
  /// Why it cannot be reached now; empty while it can, as far as one knows.
  std::string away(size_t at) const;
  /// A line a collector that did not get everything: how many records, why.
  std::vector<std::string> losses() const;

 private:
  struct Collector;
  void begin(const RecordRef* first);
  std::unique_ptr<Link> open_link(const std::string& text, const TlsSettings& tls);
  void put(Collector& collector, const RecordRef& record);
  void make_room(Collector& collector);
  void progress(SteadyTime now);
  bool hurried() const { return drain_.hurried && drain_.hurried(); }
  bool drain();

  std::unique_ptr<TlsContext> tls_;
  std::vector<std::unique_ptr<Collector>> collectors_;
  bool to_all_;
  bool live_;
  Drain drain_;
  bool begun_ = false;
  std::string not_taken_;
};

/// What is wrong with a collector's text or its protocol; throws std::invalid_argument. Opens nothing. Returns its
/// scheme.
std::string check_collector(const std::string& text, ExportProtocol protocol);

}  // namespace microcloud
