// A command line and a configuration file that take the same options; the command line wins. What every command can
// tell of its options comes from its CLI::App alone: a new option needs nothing here.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/cli_forward.h"

namespace microcloud {

/// Where a value came from when it did not come from the command line: `FILE:LINE`.
using Origins = std::map<const CLI::Option*, std::string>;

/// Adds --config, --check-config and --print-config, and parses. `validate` is called once every option has its value:
/// it reads what options name (opening no interface, socket or output) and throws UsageError for what is wrong with it,
/// beginning with the option's name where one is to blame. Returns the exit status when the command has nothing more to
/// do: help, a manual page or the configuration was asked for and printed. Throws UsageError.
std::optional<int> parse_command_line(CLI::App& app, int count, char** arguments,
                                      const std::function<void()>& validate = {});

/// In the order of their declaration, those of option groups last.
std::vector<const CLI::Option*> all_options(const CLI::App& app);
/// Options that say what to do now rather than how: they are no part of a configuration.
bool is_configuration(const CLI::Option& option);

/// Whether a value is a URL with a password in it. A command line that everyone can see has none, and a configuration
/// file with one is its owner's alone.
bool has_url_password(const std::string& value);

/// The effective configuration as TOML, each value with its origin, passwords in URLs blanked. Given back as --config
/// it means the same.
std::string configuration_text(const CLI::App& app, const Origins& origins);

/// The manual page in man(7) form: what --help-man prints and docs/man holds.
std::string manual_page(const CLI::App& app);
/// A line for each option, for shell completion: its names, then what it takes, between tabs. What --help-words prints.
std::string option_words(const CLI::App& app);

}  // namespace microcloud
