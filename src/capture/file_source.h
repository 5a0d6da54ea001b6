// Capture files as a Source: pcap and pcapng, from a path, a pipe or standard input.
#pragma once

#include <memory>
#include <string>

#include "capture/source.h"

namespace microcloud {

/// `-` is standard input. An empty `bpf_filter` lets all frames through; `snap_length` 0 keeps all captured bytes.
/// Throws std::runtime_error, one sentence with the file's name: not there, empty, a directory, neither pcap nor
/// pcapng, a link type that is not supported, a bad filter. What is broken further in is told by read(): Failed, and
/// error(). A pipe that has nothing for a while answers Idle.
std::unique_ptr<Source> open_file(const std::string& path, const std::string& bpf_filter = {},
                                  uint32_t snap_length = 0);

}  // namespace microcloud
