#include "cloud/piece_parts.h"

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <utility>

#include "resp/command_decoder.h"
#include "resp/commands.h"

namespace microcloud {
namespace {

using resp::CommandView;
using FieldsOfKeys = std::set<std::pair<std::string, std::string>>;

void each_command(const std::string& commands, const std::function<void(const CommandView&)>& look) {
  resp::CommandDecoder decoder;
  decoder.feed(commands);
  for (CommandView command; decoder.next(command) == resp::Progress::Done;) look(command);
}

void append(resp::Commands& commands, const CommandView& command) {
  commands.start(command.size());
  for (const std::string_view word : command) commands.argument(word);
}

FieldsOfKeys set_by(const std::vector<const Piece*>& pieces) {
  FieldsOfKeys set;
  for (const Piece* piece : pieces) {
    each_command(piece->commands, [&set](const CommandView& command) {
      if (command[0] != "HSET") return;
      for (size_t at = 2; at < command.size(); at += 2) set.emplace(command[1], command[at]);
    });
  }
  return set;
}

/// HSET without those fields; nothing where none is left.
void append_set(resp::Commands& commands, const CommandView& command, const FieldsOfKeys& without) {
  CommandView kept = {command[0], command[1]};
  for (size_t at = 2; at + 1 < command.size(); at += 2) {
    if (without.contains({std::string(command[1]), std::string(command[at])})) continue;
    kept.push_back(command[at]);
    kept.push_back(command[at + 1]);
  }
  if (kept.size() > 2) append(commands, kept);
}

/// A part of a piece while it is written: its checks are those whose commands it has.
struct Part {
  resp::Commands commands;
  Piece piece;
  const Piece::Check* of = nullptr;  // of the whole piece: the one that the last of `piece.checks` is a part of

  void add(const Piece& from, size_t number) {
    if (const uint64_t increments = from.increments_of.at(number); increments > 0) {
      piece.increments += increments;
      piece.increments_of.set(commands.count(), increments);
    }
    for (const Piece::Check& check : from.checks) {
      const bool is_increment = number >= check.command && number < size_t{check.command} + check.count;
      const bool tells_times = check.kind != Piece::Check::Times::None && number == check.times_at;
      if (!is_increment && !tells_times) continue;
      if (&check != of) start(check, from.key(check));
      of = &check;
      Piece::Check& own = piece.checks.back();
      if (tells_times) {
        own.kind = check.kind;
        own.times_at = static_cast<uint32_t>(commands.count());
        continue;
      }
      ++own.count;
      piece.amounts.push_back(from.amounts[check.amounts_at + number - check.command]);
    }
  }
  void start(const Piece::Check& check, std::string_view key) {
    piece.checks.push_back({static_cast<uint32_t>(commands.count()), 0, static_cast<uint32_t>(piece.amounts.size()),
                            static_cast<uint32_t>(piece.keys.size()), check.key_size});
    piece.checks.back().times = check.times;
    piece.keys += key;
  }
  Piece finish() {
    piece.count = commands.count();
    piece.commands = commands.take();
    return std::move(piece);
  }
};

}  // namespace

std::string key_of(const Piece& piece, size_t number) {
  std::string key;
  each_command(piece.commands, [&, at = size_t{0}](const CommandView& command) mutable {
    if (at++ != number) return;
    const size_t key_at = command[0] == "EVAL" ? 3 : 1;
    if (command.size() > key_at) key = command[key_at];
  });
  return key;
}

Piece take_out(Piece& piece, const std::vector<size_t>& numbers, const std::vector<const Piece*>& later) {
  const FieldsOfKeys newer = set_by(later);
  Part rest, taken;
  size_t number = 0;
  each_command(piece.commands, [&](const CommandView& command) {
    const bool is_taken = std::binary_search(numbers.begin(), numbers.end(), number);
    Part& part = is_taken ? taken : rest;
    part.add(piece, number++);
    if (is_taken && command[0] == "HSET") return append_set(part.commands, command, newer);
    append(part.commands, command);
  });
  taken.piece.since_ms = piece.since_ms;
  rest.piece.taken = piece.taken;
  rest.piece.since_ms = piece.since_ms;
  rest.piece.packets_us = std::move(piece.packets_us);
  piece = rest.finish();
  return taken.finish();
}

}  // namespace microcloud
