// A command line and a configuration file that take the same options; the command line wins.
#pragma once

#include <CLI/CLI.hpp>

namespace microcloud {

/// Adds --config and parses. Throws UsageError. Returns false when help was asked for and printed.
bool parse_command_line(CLI::App& app, int count, char** arguments);

}  // namespace microcloud
