// Which of a Redis Cluster's 16384 slots a key belongs to
// (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/).
#pragma once

#include <cstdint>
#include <string_view>

namespace microcloud::resp {

using Slot = uint16_t;
inline constexpr Slot kSlots = 16384;

/// CRC16 (XMODEM) of the key, or of its tag: what stands between its first `{` and the next `}`, when that is not
/// empty.
Slot slot_of(std::string_view key);

}  // namespace microcloud::resp
