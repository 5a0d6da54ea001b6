// The options of microcloud probe that say what is looked for inside packets.
#pragma once

#include <string>
#include <vector>

#include "app/command_line.h"
#include "inspect/inspector.h"

namespace microcloud {

struct InspectOptions {
  bool no_dpi = false;
  std::vector<std::string> plugins;
  std::vector<std::string> decode_as;
  std::string ndpi_protocols;
  bool secrets = false;
  std::string key_file;
  bool sql_literals = false;
  std::string codec_quality;
};

void declare(CLI::App& app, InspectOptions& options);
/// `sampled`: packets are missing on purpose. Throws UsageError: a protocol that there is not, or that is not read,
/// codecs that cannot be read.
void check(const InspectOptions& options, bool sampled);
/// The same, and a key that cannot be read.
InspectSettings inspect_settings(const InspectOptions& options, bool sampled);

}  // namespace microcloud
