// What other probes and operators are told of a call at once: the keys voip.call.<Call-ID> and
// voip.endpoint.<ip>:<port>.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "protocols/wire/calls_elsewhere.h"
#include "record/cloud_tree.h"
#include "record/text_list.h"
#include "record/value.h"

namespace microcloud {

inline constexpr std::string_view kCallTree = "voip.call.", kEndpointTree = "voip.endpoint.";
inline constexpr std::string_view kCallPattern = "voip.call.<Call-ID>", kEndpointPattern = "voip.endpoint.<ip>:<port>";

/// Stands in a record beside its elements.
struct CallNews {
  std::string_view
      state;  // as in callState, or calling, ringing, answered; empty: another call with its Call-ID says it
  bool names_parties = false;  // the record's From and To are the call's
  bool ended = false;          // what is said of its endpoints is that they are so no more
  Milliseconds start;
  std::optional<Milliseconds> answer;
  std::optional<Milliseconds> end;
  std::optional<uint16_t> status;
  TextList<1536, 12> endpoints;

  /// Of one description all have the same formats mostly, which are kept once. False: there is no room.
  bool add(const SdpAddress& at, bool of_sip_source, const RtpFormats& formats);
};

/// Who tells it, and of whom.
struct CallNewsFrom {
  std::string_view call_id;
  std::string_view from;
  std::string_view to;
  std::string_view probe;
};
void leave(const CallNews& news, const CallNewsFrom& from, TreeNotes& notes);

/// What leave() does, for people.
std::span<const TreeText> call_news_texts();

/// "192.0.2.1:4000", "2001:db8::1:4000": as in keys.
std::string endpoint_name(const SdpAddress& at);
using HashTexts = std::span<const std::pair<std::string, std::string>>;
/// What the MicroCloud holds under such a name: fields and values, in any order.
EndpointElsewhere endpoint_elsewhere(HashTexts fields, size_t most_formats);

}  // namespace microcloud
