#include "app/command_line.h"

#include <sys/stat.h>
#include <toml++/toml.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <sstream>

#include "app/command.h"

namespace microcloud {
namespace {

/// What is wrong, in the order of the file's lines where it has some.
struct Fault {
  size_t line = 0;
  std::string text;
};
using Faults = std::vector<Fault>;

std::string value_text(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
  std::ostringstream out;
  out << toml::node_view(node);
  return out.str();
}

std::vector<std::string> values(const toml::node& node) {
  std::vector<std::string> texts;
  if (const toml::array* list = node.as_array()) {
    for (const toml::node& item : *list) texts.push_back(value_text(item));
  } else {
    texts.push_back(value_text(node));
  }
  return texts;
}

/// Of a value in `file`; empty: nothing is wrong.
std::string password_trouble(const std::string& value, const std::string& quoted, const std::string& file) {
  struct stat facts {};
  if (!has_url_password(value) || (stat(file.c_str(), &facts) == 0 && (facts.st_mode & 0077) == 0)) return {};
  return "the password in " + quoted + " can be read by others: chmod 600 " + file;
}

void refuse_passwords(const CLI::App& app) {
  for (const CLI::Option* option : all_options(app)) {
    for (const std::string& value : option->results()) {
      if (!has_url_password(value)) continue;
      throw UsageError("--" + option->get_lnames().front() +
                       ": a password in a URL can be seen by everyone on this machine: give it in a secret file, the "
                       "environment, or a configuration file of mode 0600");
    }
  }
}

/// An option given on the command line keeps what it has there. Returns what is wrong.
std::string apply(CLI::App& app, std::string_view name, const toml::node& node, const std::string& place,
                  Origins& origins) {
  CLI::Option* option = app.get_option_no_throw("--" + std::string(name));
  const std::string quoted = "'" + std::string(name) + "'";
  if (option == nullptr || !is_configuration(*option))
    return "there is no option " + quoted + "; the long names of --help are accepted";
  if (node.is_table()) return quoted + " takes a value, not a table";
  if (option->count() > 0) return {};
  try {
    if (option->get_expected_max() == 0) {  // a flag
      const auto* flag = node.as_boolean();
      if (flag == nullptr) return quoted + " takes true or false";
      origins[option] = place;
      if (!flag->get()) return {};
    }
    for (const std::string& text : values(node)) {
      if (std::string wrong = password_trouble(text, quoted, place.substr(0, place.rfind(':'))); !wrong.empty())
        return wrong;
      option->add_result(text);
    }
    option->run_callback();
    origins[option] = place;
  } catch (const CLI::Error& error) {
    return error.what();
  }
  return {};
}

Faults read_config(CLI::App& app, const std::string& file, Origins& origins) {
  Faults faults;
  try {
    const toml::table table = toml::parse_file(file);
    for (const auto& [name, node] : table) {
      const size_t line = node.source().begin.line;
      const std::string place = file + ":" + std::to_string(line);
      std::string wrong = apply(app, name.str(), node, place, origins);
      if (!wrong.empty()) faults.push_back({line, place + ": " + wrong});
    }
  } catch (const toml::parse_error& error) {
    const size_t line = error.source().begin.line;
    faults.push_back(
        {line, (line > 0 ? file + ":" + std::to_string(line) : file) + ": " + std::string(error.description())});
  }
  std::stable_sort(faults.begin(), faults.end(), [](const Fault& a, const Fault& b) { return a.line < b.line; });
  return faults;
}

/// A message that names an option is told with the line of the file that set it.
std::string with_place(const CLI::App& app, const Origins& origins, const std::string& message) {
  std::istringstream words(message);
  for (std::string word; words >> word;) {
    if (word.size() < 2 || word.front() != '-') continue;
    word.erase(word.find_last_not_of(":,;.") + 1);
    const auto found = origins.find(app.get_option_no_throw(word));
    if (found != origins.end()) return found->second + ": " + message;
  }
  return message;
}

bool asked(int count, char** arguments, std::string_view word) {
  return std::find(arguments + 1, arguments + count, word) != arguments + count;
}

int tell_faults(const CLI::App& app, const Faults& faults) {
  for (const Fault& fault : faults) std::cerr << "microcloud " << app.get_name() << ": " << fault.text << '\n';
  if (faults.empty()) std::cout << "microcloud " << app.get_name() << ": the configuration is good\n";
  return faults.empty() ? kExitDone : kExitBadUsage;
}

}  // namespace

std::vector<const CLI::Option*> all_options(const CLI::App& app) {
  std::vector<const CLI::Option*> options = app.get_options();
  for (const CLI::App* group : app.get_subcommands([](const CLI::App* one) { return one->get_name().empty(); })) {
    for (const CLI::Option* option : group->get_options()) options.push_back(option);
  }
  return options;
}

bool is_configuration(const CLI::Option& option) {
  if (option.get_lnames().empty()) return false;
  static constexpr std::string_view kOthers[] = {"help", "config", "check-config", "print-config"};
  return std::find(std::begin(kOthers), std::end(kOthers), option.get_lnames().front()) == std::end(kOthers);
}

std::optional<int> parse_command_line(CLI::App& app, int count, char** arguments,
                                      const std::function<void()>& validate) {
  std::string config;
  bool check = false, print = false;
  app.add_option("--config", config,
                 "read options from this TOML file: long names without the dashes; the command line wins")
      ->type_name("FILE");
  app.add_flag("--check-config", check,
               "read all options and the files they name, open nothing, print what is wrong; exit status 0 or 2");
  app.add_flag("--print-config", print, "print the effective configuration as TOML, with where each value is from");
  if (asked(count, arguments, "--help-man")) {
    std::cout << manual_page(app);
    return kExitDone;
  }
  if (asked(count, arguments, "--help-words")) {
    std::cout << option_words(app);
    return kExitDone;
  }
  try {
    app.parse(count, arguments);
  } catch (const CLI::CallForHelp&) {
    std::cout << app.help("microcloud");
    return kExitDone;
  } catch (const CLI::ParseError& error) {
    throw UsageError(std::string(error.what()) + " (see microcloud " + app.get_name() + " --help)");
  }

  refuse_passwords(app);
  Origins origins;
  Faults faults;
  if (!config.empty()) faults = read_config(app, config, origins);
  if (faults.empty() && validate && !print) {
    try {
      validate();
    } catch (const UsageError& error) {
      faults.push_back({0, with_place(app, origins, error.what())});
    }
  }
  if (check) return tell_faults(app, faults);
  if (!faults.empty()) throw UsageError(faults.front().text);
  if (!print) return std::nullopt;
  std::cout << configuration_text(app, origins);
  return kExitDone;
}

}  // namespace microcloud
