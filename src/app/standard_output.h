// What a command prints, at once.
#pragma once

#include <stdexcept>
#include <string>

namespace microcloud {

/// Whoever read it has gone away: there is nobody to print for, and nothing is wrong.
class ClosedOutput : public std::runtime_error {
 public:
  ClosedOutput() : std::runtime_error("nobody reads standard output any more") {}
};

/// Throws ClosedOutput, or std::runtime_error when it cannot be written.
void print(const std::string& text);

}  // namespace microcloud
