#include "record/json.h"

#include <gtest/gtest.h>

#include <string>

#include "record/json_grammar_test.h"

namespace microcloud {
namespace {

std::string quoted(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

TEST(JsonString, EscapesWhatMustNotStandInIt) {
  EXPECT_EQ(quoted("plain /text'"), R"("plain /text'")");
  EXPECT_EQ(quoted("say \"no\" \\ never"), R"("say \"no\" \\ never")");
  EXPECT_EQ(quoted("a\nb\rc\td"), R"("a\nb\rc\td")");
  EXPECT_EQ(quoted(std::string_view("\0\x01\b\f\x1f\x7f", 6)), R"("\u0000\u0001\u0008\u000c\u001f\u007f")");
  EXPECT_EQ(quoted(""), R"("")");
}

TEST(JsonString, EveryByteGivesAWellFormedString) {
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      const char bytes[] = {static_cast<char>(first), static_cast<char>(second)};
      const std::string text = quoted(std::string_view(bytes, 2));
      ASSERT_TRUE(JsonGrammar::accepts(text)) << text;
    }
  }
}

TEST(JsonString, KeepsUtf8OfEveryLength) {
  const std::string_view texts[] = {"\xc2\x80",         "\xc3\xa9",         "\xdf\xbf",
                                    "\xe0\xa0\x80",     "\xe2\x82\xac",     "\xed\x9f\xbf",
                                    "\xee\x80\x80",     "\xef\xbf\xbf",     "\xf0\x90\x80\x80",
                                    "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf", "z\xc3\xbcrich \xf0\x9f\x98\x80!"};
  for (const std::string_view text : texts) EXPECT_EQ(quoted(text), '"' + std::string(text) + '"');
}

TEST(JsonString, EveryByteThatIsNoUtf8BecomesAReplacement) {
  const std::string_view one_each[] = {
      "\x80",              // a continuation alone
      "\xbf",              //
      "\xc0\xaf",          // overlong
      "\xc1\xbf",          //
      "\xe0\x80\x80",      //
      "\xe0\x9f\xbf",      //
      "\xf0\x8f\xbf\xbf",  //
      "\xed\xa0\x80",      // a surrogate
      "\xed\xbf\xbf",      //
      "\xf4\x90\x80\x80",  // above U+10FFFF
      "\xf5\x80\x80\x80",  //
      "\xff\xfe",          //
      "\xe2\x82",          // cut off
      "\xf0\x9f\x98",      //
      "\xc3",              //
  };
  for (const std::string_view text : one_each) {
    std::string expected = "\"";
    for (size_t byte = 0; byte < text.size(); ++byte) expected += "\\ufffd";
    EXPECT_EQ(quoted(text), expected + '"');
  }
  EXPECT_EQ(quoted("\xc3(\xe2\x82\xac"), "\"\\ufffd(\xe2\x82\xac\"") << "what follows is read again";
  EXPECT_EQ(quoted("\xf0\x9f\xc3\xa9"), "\"\\ufffd\\ufffd\xc3\xa9\"");
}

struct Body {
  uint8_t u8 = 255;
  uint16_t u16 = 65535;
  uint32_t u32 = 4294967295;
  uint64_t u64 = 18446744073709551615U;
  bool yes = true;
  bool no = false;
  Milliseconds time{-1};
  Ipv4 v4{{192, 0, 2, 1}};
  Ipv6 v6{{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
  Mac mac{{2, 0, 0, 0, 0, 0xaf}};
  Octets<3> octets{{0x00, 0x1f, 0xa0}};
  Text<8> text;
  std::string_view view = "v\"";
  List<uint16_t, 4> numbers;
  List<Ipv4, 2> addresses;
  List<Text<8>, 2> texts;
  std::optional<uint16_t> maybe;
  std::optional<Mac> maybe_mac;
};

constexpr Field kFields[] = {
    field<&Body::u8>("u8", {"", pen::kOwn, 1}, ""),
    field<&Body::u16>("u16", {"", pen::kOwn, 2}, ""),
    field<&Body::u32>("u32", {"", pen::kOwn, 3}, ""),
    field<&Body::u64>("u64", {"", pen::kOwn, 4}, ""),
    field<&Body::yes>("yes", {"", pen::kOwn, 5}, ""),
    field<&Body::no>("no", {"", pen::kOwn, 6}, ""),
    field<&Body::time>("time", {"", pen::kOwn, 7}, ""),
    field<&Body::v4>("v4", {"", pen::kOwn, 8}, ""),
    field<&Body::v6>("v6", {"", pen::kOwn, 9}, ""),
    field<&Body::mac>("mac", {"", pen::kOwn, 10}, ""),
    field<&Body::octets>("octets", {"", pen::kOwn, 11}, ""),
    field<&Body::text>("text", {"", pen::kOwn, 12}, ""),
    field<&Body::view>("view", {"", pen::kOwn, 13}, ""),
    field<&Body::numbers>("numbers", {"", pen::kOwn, 14}, ""),
    field<&Body::addresses>("addresses", {"", pen::kOwn, 15}, ""),
    field<&Body::texts>("texts", {"", pen::kOwn, 16}, ""),
    field<&Body::maybe>("maybe", {"", pen::kOwn, 17}, ""),
    field<&Body::maybe_mac>("maybeMac", {"", pen::kOwn, 18}, ""),
};
const RecordType kType{"toy", "toy", kFields, sizeof(Body)};
const RecordType kOther{"other", "other", {}, sizeof(Body)};

std::string line(const Body& body, const Common& common = {}, const RecordType& type = kType) {
  JsonWriter writer;
  std::string out;
  writer.append({&type, &common, &body}, out);
  return out;
}

/// What stands behind the common elements.
std::string own_part(const Body& body) {
  const std::string text = line(body);
  EXPECT_TRUE(JsonGrammar::accepts(text)) << text;
  return text.substr(text.find(",\"u8\""));
}

TEST(JsonWriter, WritesEveryKindOfValue) {
  Body body;
  body.text.assign("t\x80");
  body.maybe = 0;
  body.maybe_mac = Mac{};
  for (const unsigned number : {0U, 7U, 65535U}) body.numbers.push(static_cast<uint16_t>(number));
  body.addresses.push(Ipv4{{10, 0, 0, 1}});
  body.texts.items[0].assign("a,\"");
  body.texts.items[1].assign("");
  body.texts.count = 2;
  EXPECT_EQ(own_part(body),
            R"(,"u8":255,"u16":65535,"u32":4294967295,"u64":18446744073709551615,"yes":true,"no":false,"time":-1,)"
            R"("v4":"192.0.2.1","v6":"2001:db8::1","mac":"02:00:00:00:00:af","octets":"0x001fa0","text":"t\ufffd",)"
            R"("view":"v\"","numbers":[0,7,65535],"addresses":["10.0.0.1"],"texts":["a,\"",""],)"
            R"("maybe":0,"maybeMac":"00:00:00:00:00:00"})"
            "\n");
}

TEST(JsonWriter, LeavesOutWhatIsNotKnown) {
  Body body;
  body.text.assign("");
  const std::string text = own_part(body);
  EXPECT_EQ(text.substr(text.find(",\"text\"")), ",\"text\":\"\",\"view\":\"v\\\"\"}\n")
      << "an empty text is known, an empty list is not";
  EXPECT_EQ(text.find("maybe"), std::string::npos);
}

TEST(JsonWriter, CommonElementsComeFirst) {
  Common common;
  const std::array<uint8_t, 16> bytes = {10, 0, 0, 1};
  common.source = IpAddress::v4(bytes.data());
  common.destination = common.source;
  common.source_port = 5000;
  common.destination_port = 80;
  common.has_ports = true;
  common.protocol = 6;
  common.vlan = 0;
  common.flow_id = (uint64_t{1} << 53) - 1;
  common.probe_id = "p1";
  EXPECT_EQ(
      line({}, common, kOther),
      R"({"record":"other","sourceIPv4Address":"10.0.0.1","destinationIPv4Address":"10.0.0.1","sourceTransportPort":5000,)"
      R"("destinationTransportPort":80,"protocolIdentifier":6,"flowId":9007199254740991,"vlanId":0,)"
      R"("communityId":"1:LD76GfTIBU2lu/ZefEgEGuuBPew=","probeId":"p1"})"
      "\n");
}

TEST(JsonWriter, ProtocolsWithoutPortsHaveNone) {
  Common common;
  const std::array<uint8_t, 16> bytes = {0xfe, 0x80};
  common.source = common.destination = IpAddress::v6(bytes.data());
  common.protocol = 58;
  common.icmp_type_code = 0x8000;
  const std::string text = line({}, common, kOther);
  EXPECT_EQ(text.find("Port"), std::string::npos) << text;
  EXPECT_EQ(text.find("IPv4"), std::string::npos) << text;
  EXPECT_NE(text.find(R"("sourceIPv6Address":"fe80::")"), std::string::npos) << text;
  EXPECT_EQ(text.find("vlanId"), std::string::npos) << text;
  EXPECT_EQ(text.find("probeId"), std::string::npos) << text;
}

TEST(JsonWriter, TypesMayAlternate) {
  JsonWriter writer;
  Common common;
  Body body;
  body.text.assign("");
  std::string out;
  for (int round = 0; round < 2; ++round) {
    writer.append({&kType, &common, &body}, out);
    writer.append({&kOther, &common, &body}, out);
  }
  EXPECT_EQ(out, line(body) + line(body, common, kOther) + line(body) + line(body, common, kOther));
}

}  // namespace
}  // namespace microcloud
