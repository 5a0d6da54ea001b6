// A piece of which a server has applied a part: what it refused for now becomes a piece of its own.
#pragma once

#include <vector>

#include "cloud/piece.h"

namespace microcloud {

/// Takes the commands with these numbers (from 0, rising) out of the piece. `later`: pieces that are applied before
/// what is taken out: what they set in the hash of a key is newer, so the same fields are not set again. Each increment
/// that is taken out counts as one of Piece::increments.
Piece take_out(Piece& piece, const std::vector<size_t>& numbers, const std::vector<const Piece*>& later);

}  // namespace microcloud
