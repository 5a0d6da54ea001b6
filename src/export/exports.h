// All collectors of a probe: who gets which record, and what became of them.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "export/exporter.h"

namespace microcloud {

struct ExportPlan {
  std::vector<std::string> collectors;  // as -n gives them
  bool to_all = false;                  // each record to every collector; else each flow's records to one of them
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
  std::string error() const;

  size_t size() const { return collectors_.size(); }
  const std::string& name(size_t at) const;
  const ExportCounters& counters(size_t at) const;
  /// A line a collector that did not get everything: how many records, why.
  std::vector<std::string> losses() const;

 private:
  struct Collector;
  void begin(const RecordRef* first);

  std::vector<std::unique_ptr<Collector>> collectors_;
  bool to_all_;
  bool live_;
  bool begun_ = false;
};

/// What is wrong with a collector's text or its protocol; throws std::invalid_argument. Opens nothing.
void check_collector(const std::string& text, ExportProtocol protocol);

}  // namespace microcloud
