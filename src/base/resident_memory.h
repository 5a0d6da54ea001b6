// How much memory this process takes now.
#pragma once

#include <cstdint>
#include <optional>

namespace microcloud {

/// Bytes that are resident, as proc(5) has them in statm; nothing where it cannot be read. Any thread.
std::optional<uint64_t> resident_bytes();

}  // namespace microcloud
