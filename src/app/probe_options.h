// The options of microcloud probe.
#pragma once

#include <string>
#include <vector>

#include "app/cloud_options.h"
#include "app/command_line.h"
#include "app/export_options.h"
#include "app/face_output.h"
#include "app/inspect_options.h"
#include "app/service_options.h"
#include "base/prefix_set.h"
#include "probe/probe.h"

namespace microcloud {

struct ProbeOptions {
  std::vector<std::string> interfaces;
  std::string file;
  std::string filter;
  uint32_t active_s = 120;
  uint32_t idle_s = 30;
  uint32_t flows = 1'000'000;
  std::vector<std::string> local_networks;
  uint32_t snap_length = 0;
  uint32_t workers = 1;
  uint32_t loop = 1;
  std::string json;
  std::string probe_id;
  bool realtime = false;
  bool every_checksum = false;
  InspectOptions inspect;
  bool no_promiscuous = false;
  ServiceOptions service;
  ExportOptions exports;
  CloudOptions cloud;
  FaceOptions face;

  bool live() const { return !interfaces.empty(); }
  /// Where its packets come from, for people.
  std::string source() const;
};

void declare(CLI::App& app, ProbeOptions& options);
/// All that can be checked without opening anything. Throws UsageError.
void check(const ProbeOptions& options);
/// With what they share with the exports.
CloudOptions cloud_options(const ProbeOptions& options);
/// Of --local-networks. Throws UsageError.
PrefixSet local_networks(const ProbeOptions& options);
/// Of a run that begins now; its interfaces have no number yet.
ProbeSettings probe_settings(const ProbeOptions& options);

}  // namespace microcloud
