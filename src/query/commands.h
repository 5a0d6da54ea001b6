// The commands of the live view as data: what they are called, what they ask for, and how an entry becomes a reply.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "query/entry.h"
#include "resp/reply_writer.h"

namespace microcloud {

/// A command's words, its name first.
using CommandWords = std::vector<std::string>;

struct FaceCommand {
  enum class Kind : uint8_t {
    Point,    // asks for what stands under keys
    Listing,  // KEYS, SCAN, DBSIZE
    Itself,   // about the server
  };
  std::string_view name;  // lower case
  int arity;              // words, its name among them; negative: at least so many
  Kind kind;
  int first_key;  // of Point: which word; last_key -1: all up to the end
  int last_key;
  using Answer = void (*)(const CommandWords& words, std::span<const Entry* const> entries, resp::ReplyWriter reply);
  Answer answer = nullptr;  // of Point; an entry a key
};

/// nullptr: there is no such command. Without regard to case.
const FaceCommand* find_command(std::string_view name);
bool has_arity(const FaceCommand& command, size_t words);
/// COMMAND [COUNT | LIST | INFO name ... | DOCS | HELP].
void write_commands(const CommandWords& words, resp::ReplyWriter reply);

}  // namespace microcloud
