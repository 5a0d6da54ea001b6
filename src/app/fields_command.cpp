// microcloud fields: every record type and information element, in the forms that people and programs want.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "app/command.h"
#include "app/command_line.h"

namespace microcloud {

int run_fields(int count, char** arguments) {
  CLI::App app("List every record type and information element.\n", "fields");
  bool json = false;
  bool schema = false;
  bool markdown = false;
  auto* form = app.add_option_group("Form", "one of them; none: a table");
  form->add_flag("--json", json, "as one JSON object");
  form->add_flag("--json-schema", schema, "JSON Schema (2020-12) of a line of 'microcloud probe --json'");
  form->add_flag("--markdown", markdown, "as docs/fields.md");
  form->require_option(0, 1);
  if (const auto status = parse_command_line(app, count, arguments)) return *status;

  const RecordTypes types = record_types();
  const std::string text = json       ? catalogue_json(types)
                           : schema   ? catalogue_schema(types)
                           : markdown ? catalogue_markdown(types)
                                      : catalogue_text(types);
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    throw std::runtime_error("cannot write to standard output");
  }
  return kExitDone;
}

}  // namespace microcloud
