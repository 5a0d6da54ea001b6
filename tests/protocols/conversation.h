// What was said in the flows of the shipped captures: the golden payloads of the tests that every protocol has.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "inspect/parser.h"

namespace microcloud {

struct Said {
  std::vector<uint8_t> bytes;
  bool from_initiator = true;
  int64_t time_us = 0;

  Segment segment() const {
    return {.bytes = bytes,
            .octets = static_cast<uint32_t>(bytes.size()),
            .from_initiator = from_initiator,
            .time_us = time_us};
  }
};

/// One flow that the capture has from its beginning, in order and without a gap.
struct Conversation {
  std::string capture;
  Common flow;
  std::vector<Said> said;

  bool over_tcp() const { return flow.protocol == 6; }
  std::string name() const;
};

/// Of all captures in `folder` that have packets with payload over TCP or UDP.
std::vector<Conversation> conversations_in(const std::string& folder);

}  // namespace microcloud
