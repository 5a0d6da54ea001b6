// From bytes to commands, as a server reads them: arrays of bulk strings, and inline commands (what people type).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "resp/decoder.h"
#include "resp/input.h"

namespace microcloud::resp {

/// Bounds on one command; over them it is refused as soon as it is announced, and nothing is reserved for it.
struct CommandLimits {
  size_t arguments = 16 << 10;
  size_t bulk = 1 << 20;      // bytes of an argument
  size_t line = 64 << 10;     // bytes of an inline command
  size_t total = 4 << 20;     // bytes of a command
  bool authenticated = true;  // for the words of a refusal only
  /// What Redis takes of a client that has not shown its password.
  static CommandLimits of_strangers() { return {10, 16 << 10, 64 << 10, 256 << 10, false}; }
};

/// The name and what follows it; at least one.
using CommandView = std::vector<std::string_view>;

/// Takes bytes as they come. After Malformed it takes nothing more.
class CommandDecoder {
 public:
  explicit CommandDecoder(CommandLimits limits = {}) : limits_(limits) {}
  /// From the next command on.
  void set_limits(CommandLimits limits) { limits_ = limits; }

  void feed(Bytes bytes);
  void feed(std::string_view text) { feed(as_bytes(text)); }
  /// Done: `command` points into the decoder, up to the next call of feed() or next(). Empty lines and arrays are
  /// passed over.
  [[nodiscard]] Progress next(CommandView& command);
  /// What was malformed, in Redis' words: `Protocol error: invalid multibulk length`.
  const std::string& wrong() const { return wrong_; }
  /// Bytes of memory for what came.
  size_t memory() const { return input_.capacity(); }
  size_t buffered() const { return input_.size() - (done_ ? at_ : 0); }

 private:
  struct Part {
    size_t at;
    size_t size;
  };
  Progress line(std::string_view& text, const char* too_long);
  Progress header();
  Progress arguments();
  Progress one_argument();
  Progress inline_command();
  Progress malformed(std::string what);
  void start_over();

  CommandLimits limits_;
  Input input_;
  size_t at_ = 0;       // bytes of the command at hand that are read
  size_t scanned_ = 0;  // up to here there is no end of the line
  bool done_ = false;   // the command at hand was given out
  bool in_array_ = false;
  bool in_bulk_ = false;
  size_t left_ = 0;  // arguments still to come
  size_t bulk_size_ = 0;
  std::vector<Part> parts_;
  std::vector<std::string> words_;  // of an inline command
  std::string wrong_;
};

/// The words of an inline command: quoted as in C ("\x00\n") or plainly ('it\'s'). False: quotes do not match.
bool split_words(std::string_view line, std::vector<std::string>& words);

}  // namespace microcloud::resp
