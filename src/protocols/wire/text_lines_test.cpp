// Lines come whole however the stream is divided, are bounded, and begin anew behind what is missing.
#include "protocols/wire/text_lines.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace microcloud {
namespace {

using Kind = TextLines::Item::Kind;

Bytes bytes_of(const std::string& text) {
  return {static_cast<const uint8_t*>(static_cast<const void*>(text.data())), text.size()};
}

/// Lines with a bar behind them, a cut one with a star; octets that are no lines in brackets.
std::string read(TextLines& lines, const std::string& text) {
  Bytes bytes = bytes_of(text);
  std::string found;
  for (TextLines::Item item = lines.next(bytes); item.kind != Kind::More; item = lines.next(bytes)) {
    const std::string content(item.text);
    found += item.kind == Kind::Octets ? "[" + content + "]" : content + (item.cut ? "*" : "|");
  }
  EXPECT_TRUE(bytes.empty());
  return found;
}

TEST(TextLines, EndInCrLfOrLf) {
  TextLines lines;
  EXPECT_EQ(read(lines, "one\r\ntwo\n\r\n\nthree\r\r\nfo"), "one|two|||three\r|");
  EXPECT_EQ(read(lines, "ur\r"), "");
  EXPECT_EQ(read(lines, "\nfive\r\n"), "four|five|");
}

TEST(TextLines, DoNotMindWhereTheStreamIsDivided) {
  const std::string text = "HELO there\r\n\r\nMAIL FROM:<a@b>\nQUIT\r\n";
  for (size_t at = 0; at <= text.size(); ++at) {
    TextLines lines;
    const std::string first = read(lines, text.substr(0, at));
    EXPECT_EQ(first + read(lines, text.substr(at)), "HELO there||MAIL FROM:<a@b>|QUIT|") << at;
  }
}

TEST(TextLines, AreCutBehindTheirBound) {
  const std::string longest(TextLines::kMostOfLine, 'x');
  for (const size_t piece : {1UL, 7UL, 5000UL}) {
    TextLines lines;
    std::string found;
    const std::string text = longest + "\r\n" + longest + "y\r\n" + longest + longest + "\nz\n";
    for (size_t at = 0; at < text.size(); at += piece) found += read(lines, text.substr(at, piece));
    EXPECT_EQ(found, longest + "|" + longest + "*" + longest + "*z|") << piece;
  }
}

TEST(TextLines, OctetsMayStandBetweenThem) {
  TextLines lines;
  lines.expect(5);
  EXPECT_EQ(read(lines, "a\r\nb\nc\r\n"), "[a\r\nb\n]c|");
  lines.expect(4);
  EXPECT_EQ(read(lines, "12"), "[12]");
  EXPECT_EQ(lines.expected(), 2U);
  EXPECT_EQ(read(lines, "34rest\n"), "[34]rest|");
}

TEST(TextLines, BeginAnewBehindWhatIsMissing) {
  TextLines lines;
  EXPECT_EQ(read(lines, "one\r\ntw"), "one|");
  EXPECT_FALSE(lines.lose(3));
  EXPECT_EQ(read(lines, "end of a line"), "");
  EXPECT_EQ(read(lines, " of unknown beginning\r\nthree\r\n"), "three|");
}

TEST(TextLines, MissingOctetsOfAnAnnouncedNumberAreNoLoss) {
  TextLines lines;
  lines.expect(10);
  EXPECT_EQ(read(lines, "123"), "[123]");
  EXPECT_TRUE(lines.lose(4));
  EXPECT_EQ(read(lines, "890line\n"), "[890]line|");
  lines.expect(10);
  EXPECT_FALSE(lines.lose(11));
  EXPECT_EQ(lines.expected(), 0U);
  EXPECT_EQ(read(lines, "x\nline\n"), "line|");
}

}  // namespace
}  // namespace microcloud
