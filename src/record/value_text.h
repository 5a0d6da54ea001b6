// A value as plain text, where a text is all that can be written.
#pragma once

#include <string>

#include "record/value.h"

namespace microcloud {

/// Appends: numbers decimal, text as it is, octets in hexadecimal behind 0x, the items of a list with commas between;
/// of an absent value nothing.
void append_text(std::string& out, const Value& value, Scratch& scratch);

}  // namespace microcloud
