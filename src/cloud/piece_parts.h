// A piece of which a server has applied a part: what it refused for now becomes a piece of its own.
#pragma once

#include <string>
#include <vector>

#include "cloud/piece.h"

namespace microcloud {

/// The key of the command with this number (from 0).
std::string key_of(const Piece& piece, size_t number);

/// Takes the commands with these numbers (from 0, rising) out of the piece. `later`: pieces that are applied before
/// what is taken out: what they set in the hash of a key is newer, so the same fields are not set again. Both
/// parts together stand for the increments that the piece stood for.
Piece take_out(Piece& piece, const std::vector<size_t>& numbers, const std::vector<const Piece*>& later);

}  // namespace microcloud
