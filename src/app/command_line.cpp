#include "app/command_line.h"

#include <toml++/toml.h>

#include <iostream>
#include <sstream>

#include "app/command.h"

namespace microcloud {
namespace {

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

/// An option given on the command line keeps what it has there.
void apply(CLI::App& app, const std::string& file, std::string_view name, const toml::node& node) {
  const std::string place = file + ":" + std::to_string(node.source().begin.line) + ": ";
  CLI::Option* option = app.get_option_no_throw("--" + std::string(name));
  if (option == nullptr || name == "config" || name == "help") {
    throw UsageError(place + "there is no option '" + std::string(name) + "'; the long names of --help are accepted");
  }
  if (node.is_table()) throw UsageError(place + "'" + std::string(name) + "' takes a value, not a table");
  if (option->count() > 0) return;
  try {
    if (option->get_expected_max() == 0) {  // a flag
      const auto* flag = node.as_boolean();
      if (flag == nullptr) throw UsageError(place + "'" + std::string(name) + "' takes true or false");
      if (!flag->get()) return;
    }
    for (const std::string& text : values(node)) option->add_result(text);
    option->run_callback();
  } catch (const CLI::Error& error) {
    throw UsageError(place + error.what());
  }
}

void read_config(CLI::App& app, const std::string& file) {
  try {
    const toml::table table = toml::parse_file(file);
    for (const auto& [name, node] : table) apply(app, file, name.str(), node);
  } catch (const toml::parse_error& error) {
    const auto line = error.source().begin.line;
    throw UsageError((line > 0 ? file + ":" + std::to_string(line) : file) + ": " + std::string(error.description()));
  }
}

}  // namespace

bool parse_command_line(CLI::App& app, int count, char** arguments) {
  std::string config;
  app.add_option("--config", config,
                 "read options from this TOML file: long names without the dashes; the command line wins")
      ->type_name("FILE");
  try {
    app.parse(count, arguments);
  } catch (const CLI::CallForHelp&) {
    std::cout << app.help();
    return false;
  } catch (const CLI::ParseError& error) {
    throw UsageError(std::string(error.what()) + " (see microcloud " + app.get_name() + " --help)");
  }
  if (!config.empty()) read_config(app, config);
  return true;
}

}  // namespace microcloud
