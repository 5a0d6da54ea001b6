// What is in a batch, read back from its commands, and in a unit of a cluster.
#pragma once

#include <functional>
#include <string_view>

#include "cloud/key_unit.h"
#include "cloud/merge_buffer.h"

namespace microcloud {

/// Adds what the batch says of keys for which `wanted` to `into`, in which names point into `commands`. Only of
/// commands that cut_piece() made.
void add_batch(std::string_view commands, const std::function<bool(std::string_view key)>& wanted, MergeBuffer& into);
void add_unit(const KeyUnit& unit, MergeBuffer& into);

}  // namespace microcloud
