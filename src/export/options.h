// What an exporter tells of itself: statistics, sampling, and what its enterprise's elements mean (options records).
#pragma once

#include "export/exporter.h"
#include "export/sets.h"

namespace microcloud {

/// Templates of the options have these numbers, those of records follow.
inline constexpr uint16_t kStatisticsTemplate = 256;
inline constexpr uint16_t kSamplingTemplate = 257;
inline constexpr uint16_t kIntervalTemplate = 258;
inline constexpr uint16_t kSelectorTemplate = 259;
inline constexpr uint16_t kTypesTemplate = 260;
inline constexpr uint16_t kFirstRecordTemplate = 261;

/// What was exported and lost (RFC 7011, 4.1 to 4.3), and how packets were sampled (and RFC 5477); `define`: behind its
/// templates.
void append_options(SetWriter& sets, const ExportSettings& settings, const ExportCounters& counters, bool define);

/// Templates and data of RFC 5610 for every enterprise element of every record type.
void append_types(SetWriter& sets, const ExportSettings& settings);

}  // namespace microcloud
