// The names of CLI11 that declarations need: its header costs seconds of compiling, and only who declares or parses
// options needs it whole.
#pragma once

namespace CLI {
class App;
class Option;
}  // namespace CLI
