#include "packet/syn_system.h"

#include <algorithm>

#include "base/cursor.h"

namespace microcloud {
namespace {

constexpr uint8_t kEnd = 0, kNop = 1, kMss = 2, kScale = 3, kSackPermitted = 4,
                  kTimestamps = 8;  // RFC 9293, 7323, 2018
constexpr size_t kMostOptions = 10;

struct Sign {
  HostSystem system;
  uint8_t first_ttl;
  uint8_t count;
  uint8_t options[kMostOptions];  // kinds in their order; an end-of-options says that all behind it is padding
};

constexpr Sign kSigns[] = {
    {HostSystem::Linux, 64, 5, {kMss, kSackPermitted, kTimestamps, kNop, kScale}},
    {HostSystem::Linux, 64, 6, {kMss, kNop, kNop, kSackPermitted, kNop, kScale}},  // timestamps switched off
    {HostSystem::Windows, 128, 6, {kMss, kNop, kScale, kNop, kNop, kSackPermitted}},
    {HostSystem::Windows, 128, 4, {kMss, kNop, kNop, kSackPermitted}},
    {HostSystem::Windows, 128, 5, {kMss, kNop, kScale, kSackPermitted, kTimestamps}},
    {HostSystem::Apple, 64, 8, {kMss, kNop, kScale, kNop, kNop, kTimestamps, kSackPermitted, kEnd}},
    {HostSystem::FreeBsd, 64, 5, {kMss, kNop, kScale, kSackPermitted, kTimestamps}},
    {HostSystem::OpenBsd, 64, 9, {kMss, kNop, kNop, kSackPermitted, kNop, kScale, kNop, kNop, kTimestamps}},
};

/// The usual one that is next above: no path is longer than the difference.
uint8_t first_ttl(uint8_t ttl) {
  return ttl <= 64 ? 64 : ttl <= 128 ? 128 : 255;
}

struct SynHeaders {
  uint8_t ttl = 0;
  Bytes options;
  bool whole = false;
};

SynHeaders headers_of(const Packet& packet) {
  constexpr uint8_t kFixedTcp = 20;
  SynHeaders headers;
  if (packet.ip_at == kNoIp) return headers;
  Cursor ip(Bytes{packet.frame + packet.ip_at, packet.ip_captured});
  if (packet.key.version == 4) {
    headers.ttl = ip.peek(8);
    ip.skip(size_t{4} * (ip.peek() & 0xf));
  } else {
    if (ip.peek(6) != ip_protocol::kTcp) return headers;  // not straight behind: then a system is harder to tell anyway
    headers.ttl = ip.peek(7);
    ip.skip(40);
  }
  const size_t size = size_t{4} * (ip.peek(12) >> 4);
  ip.skip(kFixedTcp);
  if (size >= kFixedTcp) headers.options = ip.bytes(size - kFixedTcp);
  headers.whole = ip.ok();
  return headers;
}

/// The kinds in their order, as a Sign has them; 0: they are broken, or more than any system's.
size_t kinds_of(Bytes options, uint8_t (&kinds)[kMostOptions]) {
  size_t count = 0;
  for (Cursor cursor(options); cursor.left() > 0;) {
    if (count == kMostOptions) return 0;
    const uint8_t kind = kinds[count++] = cursor.u8();
    if (kind == kEnd) break;
    if (kind == kNop) continue;
    const uint8_t length = cursor.u8();
    if (length < 2 || !cursor.skip(length - 2U)) return 0;
  }
  return count;
}

}  // namespace

HostSystem system_of_syn(const Packet& packet) {
  const SynHeaders headers = headers_of(packet);
  uint8_t kinds[kMostOptions];
  const size_t count = headers.whole ? kinds_of(headers.options, kinds) : 0;
  if (count == 0) return HostSystem::Unknown;
  for (const Sign& sign : kSigns) {
    if (sign.first_ttl == first_ttl(headers.ttl) && sign.count == count &&
        std::equal(kinds, kinds + count, sign.options))
      return sign.system;
  }
  return HostSystem::Unknown;
}

}  // namespace microcloud
