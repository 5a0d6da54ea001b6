#include "node/process.h"

#include <gtest/gtest.h>

#include <csignal>
#include <stdexcept>

namespace microcloud::node {
namespace {

constexpr Milliseconds kPatience{20'000};

Finished shell(const std::string& script, Milliseconds patience = kPatience) {
  return run_program({"/bin/sh", "-c", script}, {"OF_THE_TEST=set"}, patience);
}

TEST(Process, OutputOfBothStreamsAndTheStatus) {
  const Finished done = shell("echo one; echo two >&2; printf three; exit 7");
  EXPECT_EQ(done.status, 7);
  EXPECT_EQ(done.output, "one\ntwo\nthree\n");
}

TEST(Process, EnvironmentIsAddedTo) {
  EXPECT_EQ(shell("echo $OF_THE_TEST; test -n \"$PATH\" && echo path").output, "set\npath\n");
}

TEST(Process, StandardInputIsEmpty) {
  EXPECT_EQ(shell("cat; echo end").output, "end\n");
}

TEST(Process, ASignalIsToldAsShellsTellIt) {
  EXPECT_EQ(shell("kill -TERM $$").status, 128 + SIGTERM);
}

TEST(Process, WhatTakesTooLongIsKilled) {
  const Finished done = shell("echo begun; exec sleep 60", Milliseconds(300));
  EXPECT_EQ(done.status, 128 + SIGKILL);
  EXPECT_EQ(done.output, "begun\n");
}

TEST(Process, AProgramThatIsNotThere) {
  EXPECT_EQ(run_program({"/nowhere/program"}, {}, kPatience).status, 127);
}

TEST(Process, ALongLineComesInPieces) {
  Process process({"/bin/sh", "-c", "head -c 10000 /dev/zero | tr '\\0' x"});
  size_t sum = 0, pieces = 0;
  while (!process.over() || pieces == 0) {
    const auto line = process.read_line(kPatience);
    if (!line) break;
    EXPECT_LE(line->size(), 4096U);
    sum += line->size();
    ++pieces;
  }
  EXPECT_EQ(sum, 10'000U);
  EXPECT_GE(pieces, 3U);
}

TEST(Process, WaitsOnlySoLong) {
  Process process({"/bin/sleep", "60"});
  EXPECT_EQ(process.wait(Milliseconds(50)), std::nullopt);
  process.send(SIGTERM);
  EXPECT_EQ(process.wait(kPatience), 128 + SIGTERM);
}

}  // namespace
}  // namespace microcloud::node
