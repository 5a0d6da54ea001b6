#include "resp/decoder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "resp/reply_writer.h"

namespace microcloud::resp {
namespace {

std::vector<Value> decode(std::string_view bytes, size_t step, Progress* end = nullptr, DecoderLimits limits = {}) {
  Decoder decoder(limits);
  std::vector<Value> values;
  Progress progress = Progress::More;
  for (size_t at = 0; at < bytes.size(); at += step) {
    decoder.feed(bytes.substr(at, step));
    for (Value value; (progress = decoder.next(value)) == Progress::Done;) values.push_back(std::move(value));
  }
  if (end != nullptr) *end = progress;
  return values;
}

Value one(std::string_view bytes) {
  Progress end{};
  std::vector<Value> values = decode(bytes, bytes.size(), &end);
  EXPECT_EQ(values.size(), 1U) << bytes;
  EXPECT_EQ(end, Progress::More) << bytes;
  return values.empty() ? Value() : values[0];
}

Progress ends(std::string_view bytes, DecoderLimits limits = {}) {
  Progress end{};
  decode(bytes, bytes.size(), &end, limits);
  return end;
}

// One of each type, and every aggregate with something in it.
constexpr std::string_view kAll =
    "+OK\r\n-ERR no such "
    "key\r\n:-42\r\n$5\r\nhello\r\n$0\r\n\r\n$-1\r\n*-1\r\n*0\r\n*2\r\n:1\r\n$1\r\na\r\n_\r\n,3.25\r\n,inf\r\n"
    "#t\r\n#f\r\n!10\r\nERR a\r\nb "
    "c\r\n=7\r\ntxt:abc\r\n(12345678901234567890\r\n%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n~1\r\n:7\r\n"
    ">2\r\n$10\r\ninvalidate\r\n*1\r\n$3\r\nkey\r\n|1\r\n+ttl\r\n:5\r\n$1\r\nv\r\n";

TEST(Decoder, EachType) {
  EXPECT_TRUE(one("+OK\r\n").is("OK"));
  EXPECT_EQ(one("-ERR x\r\n"), Value::of_error("ERR x"));
  EXPECT_EQ(one("!5\r\nE\r\nab\r\n"), Value::of_error("E\r\nab"));
  EXPECT_EQ(one(":9223372036854775807\r\n").integer, std::numeric_limits<int64_t>::max());
  EXPECT_EQ(one(":-9223372036854775808\r\n").as_integer(), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(one(":+5\r\n").integer, 5);
  EXPECT_EQ(one("$5\r\na\r\nbc\r\n").text, "a\r\nbc");
  for (const char* null : {"$-1\r\n", "*-1\r\n", "_\r\n"}) EXPECT_TRUE(one(null).is_null()) << null;
  EXPECT_EQ(one(",-1.5e3\r\n").as_double(), -1500);
  EXPECT_EQ(one(",-inf\r\n").number, -std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(one(",nan\r\n").number));
  EXPECT_EQ(one("#t\r\n").integer, 1);
  EXPECT_EQ(one("(-123456789012345678901\r\n").text, "-123456789012345678901");
  const Value verbatim = one("=8\r\nmkd:# hi\r\n");
  EXPECT_EQ(verbatim.text, "# hi");
  EXPECT_EQ(verbatim.format[0], 'm');
}

TEST(Decoder, Aggregates) {
  const Value map = one("%2\r\n+a\r\n:1\r\n$1\r\nb\r\n%0\r\n");
  ASSERT_NE(map.find("b"), nullptr);
  EXPECT_EQ(map.find("b")->type, Type::Map);
  EXPECT_EQ(map.find("a")->integer, 1);
  EXPECT_EQ(map.find("c"), nullptr);
  EXPECT_EQ(one("*4\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n:2\r\n").find("b")->integer, 2) << "RESP2's map";
  EXPECT_EQ(one("*2\r\n*1\r\n*0\r\n:3\r\n").elements[1].integer, 3);
  EXPECT_EQ(one(">1\r\n+x\r\n").type, Type::Push);
  const Value annotated = one("|1\r\n+ttl\r\n:5\r\n*1\r\n:9\r\n");
  EXPECT_EQ(annotated.type, Type::Attribute);
  EXPECT_EQ(annotated.find("ttl")->integer, 5);
  EXPECT_EQ(annotated.bare().elements[0].integer, 9);
}

TEST(Decoder, CutAtEveryByte) {
  const std::vector<Value> whole = decode(kAll, kAll.size());
  ASSERT_EQ(whole.size(), 20U);
  for (size_t step = 1; step < 12; ++step) EXPECT_EQ(decode(kAll, step), whole) << step;
  for (size_t cut = 0; cut <= kAll.size(); ++cut) {
    Progress end{};
    const auto values = decode(kAll.substr(0, cut), kAll.size(), &end);
    EXPECT_LE(values.size(), whole.size());
    EXPECT_TRUE(std::equal(values.begin(), values.end(), whole.begin())) << cut;
    EXPECT_EQ(end, Progress::More) << cut;
  }
}

TEST(Decoder, FlippedBytesEndWellAndDoNotDependOnCuts) {
  std::string bytes(kAll);
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      bytes[at] = static_cast<char>(bytes[at] ^ 1 << bit);
      Progress whole{}, cut{};
      const auto values = decode(bytes, bytes.size(), &whole);
      const auto pieces = decode(bytes, 3, &cut);
      ASSERT_EQ(whole, cut) << at << ' ' << bit;
      ASSERT_EQ(values.size(), pieces.size()) << at << ' ' << bit;
      bytes[at] = static_cast<char>(bytes[at] ^ 1 << bit);
    }
  }
}

TEST(Decoder, Malformed) {
  for (const char* wrong : {"x\r\n",
                            "\r\n",
                            ":\r\n",
                            ":1a\r\n",
                            ":9223372036854775808\r\n",
                            ":--1\r\n",
                            ":+-1\r\n",
                            "$x\r\n",
                            "$-2\r\n",
                            "*-2\r\n",
                            "%-1\r\n",
                            "$?\r\n",
                            "*?\r\n",
                            "$1\r\nabc",
                            "#x\r\n",
                            "_x\r\n",
                            ",1.2.3\r\n",
                            "(1a\r\n",
                            "(\r\n",
                            "=3\r\nabc\r\n",
                            "=4\r\nabcd\r\n",
                            "!-1\r\n",
                            "$99999999999999999999\r\n"}) {
    EXPECT_EQ(ends(wrong), Progress::Malformed) << wrong;
  }
}

TEST(Decoder, MalformedIsForGood) {
  Decoder decoder;
  Value value;
  decoder.feed("x\r\n+OK\r\n");
  EXPECT_EQ(decoder.next(value), Progress::Malformed);
  EXPECT_STRNE(decoder.wrong(), "");
  decoder.feed("+OK\r\n");
  EXPECT_EQ(decoder.next(value), Progress::Malformed);
  EXPECT_EQ(decoder.buffered(), 0U);
  decoder.reset();
  decoder.feed("+OK\r\n");
  EXPECT_EQ(decoder.next(value), Progress::Done);
}

TEST(Decoder, BoundsAreOnWhatIsAnnounced) {
  const DecoderLimits limits{.depth = 2, .elements = 10, .line = 16, .bulk = 100, .total = 150};
  const std::string hundred = "$100\r\n" + std::string(100, 'x') + "\r\n";
  EXPECT_EQ(ends(hundred, limits), Progress::More);
  EXPECT_EQ(ends("$101\r\n", limits), Progress::Malformed);
  EXPECT_EQ(ends("$1073741824\r\n"), Progress::Malformed) << "1 GB, by default";
  EXPECT_EQ(ends("*11\r\n", limits), Progress::Malformed);
  EXPECT_EQ(ends("*1000000000\r\n"), Progress::Malformed);
  EXPECT_EQ(ends("%6\r\n", limits), Progress::Malformed) << "twelve elements";
  EXPECT_EQ(ends("*2\r\n*5\r\n", limits), Progress::More);
  EXPECT_EQ(ends("*2\r\n*9\r\n", limits), Progress::Malformed) << "eleven together";
  EXPECT_EQ(ends("*1\r\n*1\r\n:1\r\n", limits), Progress::More);
  EXPECT_EQ(ends("*1\r\n*1\r\n*1\r\n", limits), Progress::Malformed);
  EXPECT_EQ(ends("+" + std::string(15, 'x') + "\r\n", limits), Progress::More);
  EXPECT_EQ(ends("+" + std::string(18, 'x'), limits), Progress::Malformed) << "before its end has come";
  EXPECT_EQ(ends("*2\r\n" + hundred + "$99\r\n", limits), Progress::Malformed) << "200 bytes in all";
  EXPECT_EQ(ends(hundred + hundred + hundred, limits), Progress::More) << "the bound is on one value";
}

TEST(Decoder, AnAnnouncedLengthReservesNothing) {
  Decoder decoder({.bulk = size_t{4} << 30, .total = size_t{8} << 30});
  decoder.feed("$2147483648\r\nabc");
  Value value;
  EXPECT_EQ(decoder.next(value), Progress::More);
  EXPECT_EQ(decoder.buffered(), 3U);
  EXPECT_LT(value.text.capacity() + value.elements.capacity(), 100U);
}

TEST(ReplyWriter, WhatIsWrittenIsRead) {
  const std::vector<Value> all = decode(kAll, kAll.size());
  EXPECT_EQ(all.size(), 20U);
  for (const Value& value : all) {
    std::string bytes;
    ReplyWriter(bytes, Protocol::Resp3).value(value);
    EXPECT_EQ(one(bytes), value);
  }
}

TEST(ReplyWriter, Resp2GetsWhatItKnows) {
  const auto written = [](Protocol protocol) {
    std::string out;
    ReplyWriter reply(out, protocol);
    reply.null();
    reply.null_array();
    reply.real(1.5);
    reply.boolean(true);
    reply.map(1);
    reply.simple("a\r\nb");
    reply.integer(-3);
    reply.set(0);
    reply.push(0);
    reply.verbatim("txt", "x");
    reply.big_number("7");
    reply.bulk("0123456789");
    return out;
  };
  EXPECT_EQ(
      written(Protocol::Resp2),
      "$-1\r\n*-1\r\n$3\r\n1.5\r\n:1\r\n*2\r\n+a  b\r\n:-3\r\n*0\r\n*0\r\n$1\r\nx\r\n$1\r\n7\r\n$10\r\n0123456789\r\n");
  EXPECT_EQ(written(Protocol::Resp3),
            "_\r\n_\r\n,1.5\r\n#t\r\n%1\r\n+a  b\r\n:-3\r\n~0\r\n>0\r\n=5\r\ntxt:x\r\n(7\r\n$10\r\n0123456789\r\n");
}

}  // namespace
}  // namespace microcloud::resp
