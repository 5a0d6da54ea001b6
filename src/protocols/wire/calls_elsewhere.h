// What other probes know of calls: asked through this by the book, answered into it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/wire/rtp_profile.h"
#include "protocols/wire/sdp.h"

namespace microcloud {

/// What a session description says of payload types beyond what they mean anyway; its first ones.
using RtpFormats = std::vector<RtpFormat>;

/// An endpoint of a call whose signalling another probe saw. Times as the packets', ms since 1970; 0: not known.
struct EndpointElsewhere {
  std::string call;            // Call-ID; empty: no call is known there
  bool of_sip_source = false;  // the address is that of the SIP message, not of its session description
  RtpFormats formats;
  int64_t since_ms = 0;
  int64_t end_ms = 0;
};

/// Any thread. Nothing here waits, but settle() of a file.
class CallsElsewhere {
 public:
  virtual ~CallsElsewhere() = default;
  /// Whose endpoint is it, and what streams did others see of a call? CallBook::learn() brings each answer, from
  /// another thread. False: it cannot be asked now, and no answer comes.
  virtual bool ask(const SdpAddress& at) = 0;
  virtual bool ask(std::string_view call_id) = 0;
  /// Do the packets come from a file, whose reader may wait?
  virtual bool may_wait() const = 0;
  /// Then: returns when all is answered, or patience is over.
  virtual void settle() = 0;
};

/// As MicroCloud keys hold them: "96=OPUS/48000,101=TELEPHONE-EVENT/8000".
std::string text_of(const RtpFormats& formats);
/// Of what is none, nothing: at most `most`.
RtpFormats rtp_formats_of(std::string_view text, size_t most);

}  // namespace microcloud
