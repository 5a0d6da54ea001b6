// Manual pages in man(7) form, and words for shell completion, from a command's options.
#include <CLI/CLI.hpp>
#include <algorithm>

#include "app/command_line.h"

namespace microcloud {
namespace {

/// Text as roff takes it: no line of it is a request, a dash is a dash.
std::string roff(const std::string& text) {
  std::string out;
  for (size_t at = 0; at < text.size(); ++at) {
    const char letter = text[at];
    if ((letter == '.' || letter == '\'') && (at == 0 || text[at - 1] == '\n')) out += "\\&";
    if (letter == '\\') {
      out += "\\e";
    } else if (letter == '-') {
      out += "\\-";
    } else {
      out += letter;
    }
  }
  while (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

/// What an option takes, `SECONDS` or `ADDR:PORT`, and what of it is accepted: words or a range, empty: anything.
struct Takes {
  std::string what;
  std::string accepted;
};

/// CLI11 writes both into one text: `LEVEL:{debug,info}`, `SECONDS:UINT in [1 - 60]`.
Takes takes_of(const CLI::Option& option) {
  if (option.get_expected_max() == 0) return {};
  const std::string type = option.get_type_name();
  if (const size_t list = type.find(":{"); list != std::string::npos)
    return {type.substr(0, list), type.substr(list + 1)};
  const size_t range = type.find(" in [");
  if (range == std::string::npos) return {type, {}};
  return {type.substr(0, type.rfind(':', range)), type.substr(range + 4)};
}

bool is_positional(const CLI::Option& option) {
  return option.get_snames().empty() && option.get_lnames().empty();
}

std::string option_entry(const CLI::Option& option) {
  std::string names;
  for (const std::string& name : option.get_snames())
    names += (names.empty() ? "" : ", ") + ("\\fB\\-" + name + "\\fR");
  for (const std::string& name : option.get_lnames())
    names += (names.empty() ? "" : ", ") + ("\\fB\\-\\-" + roff(name) + "\\fR");
  const auto [takes, accepted] = takes_of(option);
  if (is_positional(option)) names = "\\fI" + roff(takes) + "\\fR";
  if (!takes.empty() && !is_positional(option)) names += " \\fI" + roff(takes) + "\\fR";
  std::string text = option.get_description();
  if (!text.empty() && text.back() != '.') text += '.';
  if (!text.empty()) text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  if (!accepted.empty()) text += " Accepted: " + accepted + ".";
  if (!option.get_default_str().empty()) text += " Default: " + option.get_default_str() + ".";
  return ".TP\n" + names + "\n" + roff(text) + "\n";
}

std::string section(const char* name, const std::string& text) {
  return std::string(".SH ") + name + "\n" + text + "\n";
}

/// Lines that begin with two blanks are shown as they are.
std::string paragraphs(const std::string& text) {
  std::string out;
  bool shown = false;
  size_t from = 0;
  while (from < text.size()) {
    const size_t end = std::min(text.find('\n', from), text.size());
    const std::string line = text.substr(from, end - from);
    const bool show = line.starts_with("  ");
    if (show != shown) out += show ? ".PP\n.nf\n" : ".fi\n.PP\n";
    shown = show;
    if (!line.empty()) out += roff(line) + "\n";
    from = end + 1;
  }
  return out + (shown ? ".fi" : "");
}

constexpr const char* kConfiguration =
    "With \\fB\\-\\-config\\fR every long option can stand in a TOML file, without its dashes; repeatable ones take a\n"
    "list, those without a value \\fBtrue\\fR or \\fBfalse\\fR. What the command line gives wins.\n"
    "\\fB\\-\\-check\\-config\\fR tells with file and line what is wrong, \\fB\\-\\-print\\-config\\fR where each "
    "value\n"
    "comes from.";
constexpr const char* kSignals =
    ".TP\n\\fBSIGINT\\fR, \\fBSIGTERM\\fR\nRead no more, give every output what is open, end with 0; a second one ends "
    "at once.\n.TP\n\\fBSIGHUP\\fR\nOpen log and JSON files anew, read the files that options name and the "
    "configuration "
    "again: what can change on the way does;\nwhat is broken keeps its old state, with a line and a metric that say "
    "so.";
constexpr const char* kStatus =
    ".TP\n\\fB0\\fR\nDone.\n.TP\n\\fB1\\fR\nFailed while running; the last line on standard error says why.\n.TP\n"
    "\\fB2\\fR\nBad usage or configuration; one line names what is wrong and what is accepted.";

}  // namespace

std::string manual_page(const CLI::App& app) {
  const std::string name = "microcloud-" + app.get_name();
  std::string title = name;
  std::transform(title.begin(), title.end(), title.begin(), [](unsigned char letter) { return std::toupper(letter); });
  const std::string description = app.get_description();
  const std::string first = description.substr(0, description.find_first_of(".\n"));

  std::string page = ".\\\" Made by microcloud " + app.get_name() + " --help-man.\n.TH " + title +
                     " 1 \"\" \"microcloud " MICROCLOUD_VERSION "\" \"MicroCloud manual\"\n";
  page += section("NAME", roff(name) + " \\- " + roff(first));
  std::string synopsis = ".B microcloud " + app.get_name() + "\n[\\fIOPTION\\fR...]";
  for (const CLI::Option* option : all_options(app)) {
    if (!is_positional(*option)) continue;
    const std::string takes = "\\fI" + roff(takes_of(*option).what) + "\\fR";
    synopsis += option->get_required() ? " " + takes : " [" + takes + "]";
  }
  page += section("SYNOPSIS", synopsis);
  page += section("DESCRIPTION", paragraphs(description));
  std::string options;
  for (const CLI::Option* option : all_options(app)) options += option_entry(*option);
  options.pop_back();
  page += section("OPTIONS", options);
  page += section("CONFIGURATION FILE", kConfiguration);
  if (app.get_option_no_throw("--stats") != nullptr) page += section("SIGNALS", kSignals);  // it goes on by itself
  page += section("EXIT STATUS", kStatus);
  if (!app.get_footer().empty()) page += section("EXAMPLES", paragraphs(app.get_footer()));
  return page;
}

std::string option_words(const CLI::App& app) {
  std::string text;
  for (const CLI::Option* option : all_options(app)) {
    if (is_positional(*option)) continue;
    std::string names;
    for (const std::string& name : option->get_snames()) names += (names.empty() ? "-" : " -") + name;
    for (const std::string& name : option->get_lnames()) names += (names.empty() ? "--" : " --") + name;
    text += names + "\t" + (option->get_expected_max() == 0 ? "" : option->get_type_name()) + "\t" +
            option->get_description() + "\n";
  }
  return text;
}

}  // namespace microcloud
