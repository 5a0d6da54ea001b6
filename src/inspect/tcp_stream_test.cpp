#include "inspect/tcp_stream.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <string>

namespace microcloud {
namespace {

class TcpStreamTest : public ::testing::Test {
 protected:
  void add(uint32_t sequence, std::string_view text, int64_t time_us = 0, bool syn = false, uint32_t octets = 0) {
    const std::vector<uint8_t> exact(text.begin(), text.end());
    stream_.add({sequence, exact, octets == 0 ? static_cast<uint32_t>(text.size()) : octets, syn, time_us}, give());
  }
  std::function<void(const TcpStream::Piece&)> give() {
    return [this](const TcpStream::Piece& piece) {
      if (piece.in_middle) seen_ += "<";
      if (piece.gap > 0) seen_ += "[" + std::to_string(piece.gap) + "]";
      seen_.append(piece.bytes.begin(), piece.bytes.end());
      if (piece.octets > piece.bytes.size()) seen_ += "~";
    };
  }

  StreamCounters counters_;
  TcpStream stream_{counters_};
  std::string seen_;
};

TEST_F(TcpStreamTest, InOrderIsGivenAtOnce) {
  add(99, "", 0, true);
  add(100, "abc");
  EXPECT_EQ(seen_, "abc");
  add(103, "de");
  EXPECT_EQ(seen_, "abcde");
}

TEST_F(TcpStreamTest, DataInTheSynIsGiven) {
  add(99, "abc", 0, true);
  add(103, "d");
  EXPECT_EQ(seen_, "abcd");
}

TEST_F(TcpStreamTest, AnotherSynBeginsAnotherConnection) {
  add(5000, "", 0, true);
  add(5001, "abc");
  add(99, "", 0, true);  // of the same ends, with a smaller number
  add(100, "def");
  add(99, "", 0, true);  // once more
  add(100, "def");
  add(7000, "", 0, true);
  add(7001, "g");
  EXPECT_EQ(seen_, "abcdefg");
  EXPECT_EQ(counters_.repeated.get(), 3U);
}

TEST_F(TcpStreamTest, AStreamMayBeginAtAPlace) {
  stream_.begin_at(103);
  add(100, "abcd");
  add(104, "e");
  EXPECT_EQ(seen_, "de");
  EXPECT_EQ(counters_.gaps.get(), 0U);
}

TEST_F(TcpStreamTest, AStreamMayBeSeenFromItsMiddle) {
  add(5000, "abc");
  EXPECT_EQ(seen_, "<abc");
}

TEST_F(TcpStreamTest, WhatComesEarlyWaits) {
  add(99, "", 0, true);
  add(106, "g");
  add(103, "def");
  EXPECT_EQ(seen_, "");
  EXPECT_EQ(counters_.held_bytes.get(), 4U);
  add(100, "abc");
  EXPECT_EQ(seen_, "abcdefg");
  EXPECT_EQ(counters_.held_bytes.get(), 0U);
}

TEST_F(TcpStreamTest, RepetitionsAreDroppedWhereverTheyBegin) {
  add(99, "", 0, true);
  add(100, "abcdef");
  add(100, "abc");
  add(104, "efgh");
  EXPECT_EQ(seen_, "abcdefgh");
  EXPECT_EQ(counters_.repeated.get(), 5U);
  add(107, "hi");
  add(99, "xabcdefghijk");
  EXPECT_EQ(seen_, "abcdefghijk");
}

TEST_F(TcpStreamTest, AHoleIsGivenUpAfterAWhile) {
  add(99, "", 0, true);
  add(110, "later", 1000);
  add(115, "on", 2'000'000);
  EXPECT_EQ(seen_, "");
  add(117, "!", 4'000'000);
  EXPECT_EQ(seen_, "[10]lateron!");
  EXPECT_EQ(counters_.gaps.get(), 1U);
  EXPECT_EQ(counters_.missing.get(), 10U);
}

TEST_F(TcpStreamTest, AHoleIsGivenUpWhenTooMuchWaits) {
  add(99, "", 0, true);
  for (unsigned at = 0; at <= TcpStream::kMostSegments; ++at) add(101 + at, "x");
  EXPECT_EQ(seen_, "[1]" + std::string(TcpStream::kMostSegments + 1, 'x'));
  EXPECT_EQ(counters_.held_bytes.get(), 0U);
}

TEST_F(TcpStreamTest, TheEndGivesWhatWaits) {
  add(99, "", 0, true);
  add(103, "d");
  add(107, "h");
  stream_.finish(give());
  EXPECT_EQ(seen_, "[3]d[3]h");
}

TEST_F(TcpStreamTest, WhatTheCaptureCutIsTold) {
  add(99, "", 0, true);
  add(100, "ab", 0, false, 5);
  add(105, "f");
  EXPECT_EQ(seen_, "ab~f");
}

TEST_F(TcpStreamTest, SequenceNumbersWrap) {
  add(0xfffffffd, "", 0, true);
  add(0xfffffffe, "abcd");
  add(2, "ef");
  EXPECT_EQ(seen_, "abcdef");
}

TEST_F(TcpStreamTest, ANewConnectionOnTheSameFlowBeginsAnew) {
  add(99, "", 0, true);
  add(100, "abc");
  add(5'000'000, "", 0, true);
  add(5'000'001, "xyz");
  EXPECT_EQ(seen_, "abcxyz");
}

TEST_F(TcpStreamTest, ForgettingGivesTheMemoryBack) {
  add(99, "", 0, true);
  add(200, "abc");
  stream_.forget();
  EXPECT_EQ(counters_.held_bytes.get(), 0U);
}

/// However a text is cut, repeated and shuffled (within what may wait), it comes out as it was.
TEST_F(TcpStreamTest, ShuffledSegmentsComeOutInOrder) {
  std::mt19937 random(11);
  for (int round = 0; round < 200; ++round) {
    StreamCounters counters;
    TcpStream stream(counters);
    std::string text(400, ' ');
    for (char& c : text) c = static_cast<char>('a' + random() % 26);
    struct Part {
      size_t from, size;
    };
    std::vector<Part> parts;
    for (size_t from = 0; from < text.size();) {
      const size_t size = 1 + random() % 20;
      parts.push_back({from, std::min(size, text.size() - from)});
      if (random() % 4 == 0) parts.push_back({from / 2, std::min<size_t>(30, text.size() - from / 2)});
      from += size;
    }
    for (size_t at = 0; at + 6 < parts.size(); ++at) std::swap(parts[at], parts[at + random() % 6]);
    std::string seen;
    const auto give = [&seen](const TcpStream::Piece& piece) {
      EXPECT_EQ(piece.gap, 0U);
      seen.append(piece.bytes.begin(), piece.bytes.end());
    };
    stream.add({999, {}, 0, true, 0}, give);
    for (const Part& part : parts) {
      const std::vector<uint8_t> exact(text.begin() + static_cast<std::ptrdiff_t>(part.from),
                                       text.begin() + static_cast<std::ptrdiff_t>(part.from + part.size));
      const auto size = static_cast<uint32_t>(part.size);
      stream.add({static_cast<uint32_t>(1000 + part.from), exact, size, false, 0}, give);
    }
    ASSERT_EQ(seen, text);
    ASSERT_EQ(counters.held_bytes.get(), 0U);
  }
}

}  // namespace
}  // namespace microcloud
