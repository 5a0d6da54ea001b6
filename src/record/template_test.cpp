// What -T accepts, what it says of the rest, and what stands in a template when there is no -T.
#include "record/template.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace microcloud {
namespace {

struct Body {
  Milliseconds start;
  Milliseconds end;
  uint64_t octets = 0;
  uint64_t reverse_octets = 0;
  uint32_t own = 0;
  List<uint16_t, 3> list;
  Text<20> server;
};
constexpr Field kFields[] = {
    field<&Body::start>("flowStartMilliseconds", {"FLOW_START_MILLISECONDS", pen::kIana, 152}, ""),
    field<&Body::end>("flowEndMilliseconds", {"FLOW_END_MILLISECONDS", pen::kIana, 153}, ""),
    field<&Body::octets>("octetDeltaCount", {"IN_BYTES", pen::kIana, 1}, ""),
    field<&Body::reverse_octets>("reverseOctetDeltaCount", {"OUT_BYTES", pen::kReverse, 1, 23}, ""),
    field<&Body::own>("latency", {"", pen::kOwn, 5}, ""),
    field<&Body::list>("numbers", {"NUMBERS", pen::kNtop, 300}, ""),
    field<&Body::server>("server", {"SERVER_NAME", pen::kNtop, 188}, ""),
};
const RecordType kFlow{"flow", "flow", kFields, sizeof(Body)};

struct Query {
  uint16_t type = 0;
};
constexpr Field kQueryFields[] = {field<&Query::type>("dnsQueryType", {"DNS_QUERY_TYPE", pen::kNtop, 207}, "")};
const RecordType kDns{"dns", "query", kQueryFields, sizeof(Query)};
constexpr const RecordType* kTypes[] = {&kFlow, &kDns};

Template parse(std::string_view text, const Numbering& numbering = {}) {
  return parse_template(text, kFlow, kTypes, numbering);
}

std::vector<std::string> names(const Template& from) {
  std::vector<std::string> names;
  for (const Column& column : from.columns) names.emplace_back(column.field->name);
  return names;
}

std::string refusal(std::string_view text, const Numbering& numbering = {}) {
  try {
    parse(text, numbering);
  } catch (const TemplateError& error) {
    return error.what();
  }
  return "accepted";
}

using Names = std::vector<std::string>;
constexpr Numbering kV9{.protocol = ExportProtocol::NetflowV9, .ntop = true, .pen = std::nullopt, .uniflow = false};

TEST(Template, TakesLabelsAndNames) {
  EXPECT_EQ(names(parse("%IN_BYTES %PROTOCOL,flowId\n %l4_src_port")),
            (Names{"octetDeltaCount", "protocolIdentifier", "flowId", "sourceTransportPort"}));
  EXPECT_EQ(names(parse("%octetDeltaCount %SERVER_NAME")), (Names{"octetDeltaCount", "server"}));
  EXPECT_TRUE(parse("%IN_BYTES").fixed);
}

TEST(Template, AnAddressStandsForBothVersions) {
  const Names both{"sourceIPv4Address", "octetDeltaCount", "sourceIPv6Address"};
  EXPECT_EQ(names(parse("%IPV4_SRC_ADDR %IN_BYTES")), both);
  EXPECT_EQ(names(parse("%IPV4_SRC_ADDR %IN_BYTES %IPV6_SRC_ADDR")), both);
  EXPECT_EQ(names(parse("%IPV6_DST_ADDR")), (Names{"destinationIPv6Address", "destinationIPv4Address"}));
}

TEST(Template, UptimesAreAbsoluteTimesInIpfix) {
  EXPECT_EQ(names(parse("%FIRST_SWITCHED %LAST_SWITCHED", kV9)), (Names{"flowStartSysUpTime", "flowEndSysUpTime"}));
  EXPECT_EQ(names(parse("%FIRST_SWITCHED %LAST_SWITCHED")), (Names{"flowStartMilliseconds", "flowEndMilliseconds"}));
}

TEST(Template, RefusesWithTheNearest) {
  const std::string said = refusal("%IN_BITES");
  EXPECT_NE(said.find("'%IN_BITES' is no element of flow records; the nearest are IN_BYTES,"), std::string::npos)
      << said;
  EXPECT_NE(refusal("octetDeltaCuont").find("the nearest are octetDeltaCount"), std::string::npos);
  EXPECT_NE(refusal("%DNS_QUERY_TYPE").find("of dns records, not of flow records: -T 'dns: ...'"), std::string::npos);
  EXPECT_NE(refusal("").find("without elements"), std::string::npos);
  EXPECT_NE(refusal(" , ").find("without elements"), std::string::npos);
  EXPECT_NE(refusal("%IN_BYTES octetDeltaCount").find("already"), std::string::npos);
  EXPECT_NE(refusal(std::string(100'000, 'x')).find("nearest"), std::string::npos);
}

TEST(Template, RefusesWhatHasNoNumber) {
  EXPECT_NE(refusal("latency").find("--pen N"), std::string::npos);
  EXPECT_NE(refusal("latency", kV9).find("no NetFlow v9 number"), std::string::npos);
  EXPECT_NE(refusal("%NUMBERS", kV9).find("list"), std::string::npos);
  Numbering uniflow;
  uniflow.uniflow = true;
  EXPECT_NE(refusal("%OUT_BYTES", uniflow).find("--uniflow"), std::string::npos);
  Numbering own;
  own.ntop = false;
  EXPECT_NE(refusal("%SERVER_NAME", own).find("--pen N"), std::string::npos);
}

TEST(Template, Numbers) {
  const auto numbered = [](size_t row, const Numbering& numbering) { return *number(kFields[row], numbering); };
  Numbering ipfix;
  ipfix.pen = 32473;
  EXPECT_EQ(numbered(2, ipfix), (WireElement{0, 1}));
  EXPECT_EQ(numbered(3, ipfix), (WireElement{29305, 1}));
  EXPECT_EQ(numbered(4, ipfix), (WireElement{32473, 5}));
  EXPECT_EQ(numbered(6, ipfix), (WireElement{35632, 188}));
  ipfix.ntop = false;
  EXPECT_EQ(numbered(6, ipfix), (WireElement{32473, 1212}));
  EXPECT_EQ(numbered(3, kV9), (WireElement{0, 23}));
  EXPECT_EQ(numbered(6, kV9), (WireElement{0, 57660}));
}

TEST(Template, DefaultHasAllThatHasANumber) {
  Names left_out;
  const Names found = names(default_template(kFlow, {}, &left_out));
  for (const char* name : {"sourceIPv4Address", "sourceIPv6Address", "flowStartMilliseconds", "octetDeltaCount",
                           "reverseOctetDeltaCount", "numbers", "server", "biflowDirection"}) {
    EXPECT_NE(std::find(found.begin(), found.end(), name), found.end()) << name;
  }
  EXPECT_EQ(left_out, (Names{"communityId", "probeId", "latency"}));
  EXPECT_FALSE(default_template(kFlow, {}, nullptr).fixed);
}

TEST(Template, DefaultOfV9HasUptimesAndNoLists) {
  const Names found = names(default_template(kFlow, kV9, nullptr));
  EXPECT_EQ(std::find(found.begin(), found.end(), "flowStartMilliseconds"), found.end());
  EXPECT_NE(std::find(found.begin(), found.end(), "flowStartSysUpTime"), found.end());
  EXPECT_EQ(std::find(found.begin(), found.end(), "numbers"), found.end());
  const Names dns = names(default_template(kDns, kV9, nullptr));
  EXPECT_NE(std::find(dns.begin(), dns.end(), "dnsQueryType"), dns.end());
  EXPECT_EQ(std::find(dns.begin(), dns.end(), "flowStartSysUpTime"), dns.end());
}

}  // namespace
}  // namespace microcloud
