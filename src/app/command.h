// What every command of the program shares: how it is called, and how it says what is wrong.
#pragma once

#include <stdexcept>
#include <string>

#include "record/catalogue.h"

namespace microcloud {

/// Exit statuses (docs: every command's manual).
enum ExitStatus : int { kExitDone = 0, kExitFailed = 1, kExitBadUsage = 2 };

/// Bad usage or configuration: one sentence that names the option or file:line, what is wrong and what is accepted.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Command {
  const char* name;
  const char* job;
  int (*run)(int count, char** arguments);
};

int run_probe(int count, char** arguments);
int run_node(int count, char** arguments);
int run_query(int count, char** arguments);
int run_fields(int count, char** arguments);

/// Every record type of this program.
RecordTypes record_types();

}  // namespace microcloud
