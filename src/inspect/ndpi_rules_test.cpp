#include "inspect/ndpi_rules.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace microcloud {
namespace {

std::string refusal(const std::string& line) {
  try {
    parse_ndpi_rules(line, "f:7");
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "taken";
}

TEST(NdpiRules, ALineIsOneRuleForEachElement) {
  const auto rules =
      parse_ndpi_rules(" tcp:81, udp:5061-5062,ip:192.0.2.0/24:443,host:\"A.example.org\"@My-App \r", "f:1");
  ASSERT_EQ(rules.size(), 4U);
  EXPECT_EQ(rules[0].text, "tcp:81");
  EXPECT_EQ(rules[1].text, "udp:5061-5062");
  EXPECT_EQ(rules[2].text, "ip:192.0.2.0/24:443");
  EXPECT_EQ(rules[3].text, "host:\"a.example.org\"");
  EXPECT_EQ(rules[3].host, "a.example.org");
  for (const NdpiRule& rule : rules) EXPECT_EQ(rule.application, "My-App");
}

TEST(NdpiRules, RisksAndIssuers) {
  const auto ip = parse_ndpi_rules("ip_risk_mask:192.168.1.0/24=18446744073709551615", "f:1").at(0);
  EXPECT_EQ(ip.kind, NdpiRule::Kind::IpRiskMask);
  EXPECT_EQ(ip.text, "192.168.1.0/24");
  EXPECT_EQ(ip.mask, ~uint64_t{0});
  const auto host = parse_ndpi_rules("host_risk_mask:\".home\"=0", "f:1").at(0);
  EXPECT_EQ(host.kind, NdpiRule::Kind::HostRiskMask);
  EXPECT_EQ(host.text, ".home");
  const auto issuer = parse_ndpi_rules("trusted_issuer_dn:\"CN=a@b, O=c: d\"", "f:1").at(0);
  EXPECT_EQ(issuer.kind, NdpiRule::Kind::TrustedIssuerDn);
  EXPECT_EQ(issuer.text, "CN=a@b, O=c: d");
}

TEST(NdpiRules, CommentsAndEmptyLinesAreNone) {
  for (const char* line : {"", "  ", "\r", "# tcp:1@x", "  # x"}) EXPECT_TRUE(parse_ndpi_rules(line, "f:1").empty());
}

TEST(NdpiRules, BrokenLinesAreRefusedWithWhatIsAccepted) {
  for (const char* line : {"nonsense",
                           "tcp:81",
                           "@Name",
                           "tcp:81@",
                           "tcp:@A",
                           "tcp:0@A",
                           "tcp:65535@A",
                           "udp:1-65535@A",
                           "tcp:9-8@A",
                           "tcp:1-@A",
                           "tcp:-1@A",
                           "tcp:81x@A",
                           "tcp: 81@A",
                           "sctp:5@A",
                           "tcp:81,@A",
                           ",tcp:81@A",
                           "ip:@A",
                           "ip:1.2.3@A",
                           "ip:1.2.3.4/33@A",
                           "ip:1.2.3.4/@A",
                           "ip:1.2.3.4:0@A",
                           "ip:1.2.3.4:65536@A",
                           "ip:2001:db8::1@A",
                           "host:@A",
                           "host:\"\"@A",
                           "host:\"@A",
                           "host:\"a@A",
                           "host:a\"@A",
                           "host:\"a b\"@A",
                           "host:\"a\"b\"@A",
                           "tcp:81@A B",
                           "tcp:81@A:B",
                           "tcp:81@\"A\"",
                           "tcp:81@abcdefghijklmnopqrstuvwxyz012345",
                           "ip_risk_mask:1.2.3.4",
                           "ip_risk_mask:1.2.3=0",
                           "ip_risk_mask:1.2.3.4=x",
                           "ip_risk_mask:1.2.3.4=-1",
                           "ip_risk_mask:1.2.3.4=18446744073709551616",
                           "host_risk_mask:=0",
                           "host_risk_mask:\"a=0",
                           "trusted_issuer_dn:",
                           "trusted_issuer_dn:\"CN=a",
                           "trusted_issuer_dn:nobody"}) {
    const std::string said = refusal(line);
    EXPECT_EQ(said.substr(0, 5), "f:7: ") << line;
    EXPECT_NE(said.find("(accepted: "), std::string::npos) << line;
  }
  EXPECT_EQ(refusal("host:\"" + std::string(254, 'a') + "\"@A").substr(0, 5), "f:7: ");
}

}  // namespace
}  // namespace microcloud
