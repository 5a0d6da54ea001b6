// What codecs cost by themselves and how well they hide losses, for the E-model (ITU-T G.107): built in, and as the
// user says.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "protocols/wire/voice_quality.h"

namespace microcloud {

/// By name as in SDP. Read by any thread, changed by none once the run has begun.
class CodecTable {
 public:
  /// What ITU-T G.113, appendix I, says: narrowband codecs only.
  CodecTable();

  /// Adds a file's codecs, or replaces what is known of them: a line has a name, Ie (0 to 95) and Bpl (above 0), with
  /// blanks between them; # begins a comment. Throws std::runtime_error: FILE:LINE and what is wrong there, or that the
  /// file cannot be read.
  void read(const std::string& path);

  /// Of a codec in capitals; nothing where none is known: wideband codecs, video.
  std::optional<CodecImpairment> find(std::string_view codec) const {
    const auto known = known_.find(codec);
    return known == known_.end() ? std::nullopt : std::optional(known->second);
  }

 private:
  std::map<std::string, CodecImpairment, std::less<>> known_;
};

}  // namespace microcloud
