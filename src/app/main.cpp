// The program: a table of commands.
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>

#include "app/command.h"
#include "base/printable.h"

namespace {

using namespace microcloud;

constexpr Command kCommands[] = {
    {"probe", "meter traffic into flow records, live or from a capture file", run_probe},
    {"node", "run a node of the MicroCloud: a Redis server set up for it, or a cluster", run_node},
    {"query", "ask the MicroCloud and its live probes: keys, top hosts, losses, events", run_query},
    {"fields", "list every record type and information element", run_fields},
};

void print_help() {
  std::puts("Usage: microcloud COMMAND [OPTION...]\n\nCommands:");
  for (const Command& command : kCommands) std::printf("  %-10s %s\n", command.name, command.job);
  std::puts("\n'microcloud COMMAND --help' tells a command's options; 'microcloud --version' the version.");
}

int run(const Command& command, int count, char** arguments) {
  try {
    return command.run(count, arguments);
  } catch (const UsageError& error) {
    std::fprintf(stderr, "microcloud %s: %s\n", command.name, printable(error.what()).c_str());
    return kExitBadUsage;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "microcloud %s: %s\n", command.name, printable(error.what()).c_str());
    return kExitFailed;
  }
}

}  // namespace

int main(int count, char** arguments) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that goes away is a failed write, told as one
  std::signal(SIGXFSZ, SIG_IGN);  // and so is a file that may not become longer
  const char* name = count > 1 ? arguments[1] : "";
  for (const Command& command : kCommands) {
    if (std::strcmp(name, command.name) == 0) return run(command, count - 1, arguments + 1);
  }
  if (std::strcmp(name, "--version") == 0) {
    std::puts("microcloud " MICROCLOUD_VERSION);
    return kExitDone;
  }
  if (std::strcmp(name, "--help") == 0 || std::strcmp(name, "-h") == 0 || std::strcmp(name, "help") == 0) {
    print_help();
    return kExitDone;
  }
  std::fprintf(stderr, "microcloud: %s%s%s; accepted:", *name == '\0' ? "a command is missing" : "unknown command '",
               name, *name == '\0' ? "" : "'");
  for (const Command& command : kCommands) std::fprintf(stderr, " %s", command.name);
  std::fputs(" (microcloud --help tells what they do)\n", stderr);
  return kExitBadUsage;
}
