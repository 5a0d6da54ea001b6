// Community ID version 1: one name for a flow, whoever computes it (https://github.com/corelight/community-id-spec).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/address.h"

namespace microcloud {

struct CommunityKey {
  IpAddress source;
  IpAddress destination;
  uint8_t protocol = 0;
  bool has_ports = false;
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
  std::optional<uint16_t> icmp_type_code;  // type in the high byte
  uint16_t seed = 0;
};

inline constexpr size_t kCommunityIdSize = 30;  // "1:" and 28 characters of base64

/// Of a realm: the first two octets of the SHA-1 of its name; 0 of the default one.
uint16_t community_seed(std::string_view realm);

/// Writes kCommunityIdSize characters at `out`.
void write_community_id(const CommunityKey& key, char* out);

}  // namespace microcloud
