#include <CLI/CLI.hpp>
#include <algorithm>
#include <regex>
#include <sstream>

#include "app/command_line.h"

namespace microcloud {
namespace {

const std::regex& url_password() {
  static const std::regex kPassword(R"((://[^:/@]*:)[^/]*@)");
  return kPassword;
}

/// A password stands in no URL that is printed.
std::string blanked(const std::string& value) {
  return std::regex_replace(value, url_password(), "$1***@");
}

std::string quoted(const std::string& value) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string text = "\"";
  for (const char letter : value) {
    const auto byte = static_cast<unsigned char>(letter);
    if (letter == '"' || letter == '\\') text += '\\';
    if (byte >= 0x20 && byte != 0x7f) {
      text += letter;
    } else {
      text += std::string("\\u00") + kHex[byte >> 4] + kHex[byte & 15];
    }
  }
  return text + '"';
}

/// A number as a number: only where it is written the one way that TOML gives back.
std::string toml_value(const std::string& value) {
  static const std::regex kInteger("0|-?[1-9][0-9]{0,17}");
  return std::regex_match(value, kInteger) ? value : quoted(blanked(value));
}

std::string toml_list(const std::vector<std::string>& values) {
  std::string text = "[";
  for (const std::string& value : values) text += (text.size() > 1 ? ", " : "") + toml_value(value);
  return text + "]";
}

/// The default of an option with several values, which CLI11 has as the text "[a,b]".
std::vector<std::string> default_values(const CLI::Option& option) {
  std::string text = option.get_default_str();
  if (text.size() >= 2 && text.front() == '[' && text.back() == ']') text = text.substr(1, text.size() - 2);
  std::vector<std::string> values;
  std::istringstream words(text);
  for (std::string word; std::getline(words, word, ',');) values.push_back(word);
  return values;
}

std::string option_value(const CLI::Option& option) {
  if (option.get_expected_max() == 0) return option.count() > 0 ? "true" : "false";
  if (option.count() == 0 && option.get_expected_max() > 1) {
    const std::vector<std::string> values = default_values(option);
    return values.empty() ? "" : toml_list(values);
  }
  if (option.count() == 0) return option.get_default_str().empty() ? "" : toml_value(option.get_default_str());
  const std::vector<std::string> values = option.results();
  return option.get_expected_max() > 1 ? toml_list(values) : toml_value(values.back());
}

std::string origin(const CLI::Option& option, const Origins& origins) {
  if (const auto found = origins.find(&option); found != origins.end()) return found->second;
  return option.count() > 0 ? "command line" : "default";
}

}  // namespace

bool has_url_password(const std::string& value) {
  return std::regex_search(value, url_password());
}

std::string configuration_text(const CLI::App& app, const Origins& origins) {
  std::string text = "# Effective configuration of microcloud " + app.get_name() + "\n";
  size_t width = 0;
  for (const CLI::Option* option : all_options(app)) {
    if (is_configuration(*option)) width = std::max(width, option->get_lnames().front().size());
  }
  for (const CLI::Option* option : all_options(app)) {
    if (!is_configuration(*option)) continue;
    const std::string& name = option->get_lnames().front();
    const std::string value = option_value(*option);
    if (value.empty()) {
      text += "# " + name + " is not set: " + option->get_description() + "\n";
    } else {
      text += name + std::string(width - name.size(), ' ') + " = " + value + "  # " + origin(*option, origins) + "\n";
    }
  }
  return text;
}

}  // namespace microcloud
