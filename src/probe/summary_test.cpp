// What a person reads at the end of a run adds up.
#include "probe/summary.h"

#include <gtest/gtest.h>

#include <array>
#include <sstream>
#include <string>

namespace microcloud {
namespace {

IpAddress address(uint8_t last) {
  const std::array<uint8_t, 4> bytes = {10, 0, 0, last};
  return IpAddress::v4(bytes.data());
}

void add(Summary& summary, uint8_t source, uint8_t destination, uint64_t octets, uint64_t reverse_octets,
         uint32_t slice = 1) {
  Common common;
  common.source = address(source);
  common.destination = address(destination);
  common.protocol = 6;
  common.has_ports = true;
  common.destination_port = 443;
  FlowRecord flow;
  flow.octets = octets;
  flow.packets = octets / 100;
  flow.reverse_octets = reverse_octets;
  flow.reverse_packets = reverse_octets / 100;
  flow.slice = slice;
  if (destination == 9) flow.application = "TLS.Example";
  flow.tunnels.push(Tunnel::Vlan);
  flow.tunnels.push(Tunnel::Gre);
  summary.add(common, flow);
}

/// The line that begins with `start` (after blanks), its columns joined by one blank.
std::string line(const std::string& text, const std::string& start) {
  std::istringstream lines(text);
  for (std::string each; std::getline(lines, each);) {
    std::istringstream words(each);
    std::string joined;
    for (std::string word; words >> word;) joined += (joined.empty() ? "" : " ") + word;
    if (joined.starts_with(start)) return joined;
  }
  return "no line";
}

TEST(Summary, HostsServicesProtocolsAndTunnelsAddUp) {
  Summary summary;
  add(summary, 1, 9, 1000, 5000);
  add(summary, 2, 9, 2000, 0);
  add(summary, 1, 9, 500, 500, 2);  // another slice is not another flow
  const std::string text = summary.text("x.pcap", ProbeTotals{});
  EXPECT_EQ(line(text, "10.0.0.9"), "10.0.0.9 2 5.50 k 3.50 k") << text;
  EXPECT_EQ(line(text, "10.0.0.1"), "10.0.0.1 1 1.50 k 5.50 k");
  EXPECT_EQ(line(text, "10.0.0.2"), "10.0.0.2 1 2.00 k 0");
  EXPECT_EQ(line(text, "tcp 2"), "tcp 2 90 9.00 k 100.0%");
  EXPECT_EQ(line(text, "tcp/443").substr(0, 7), "tcp/443");
  EXPECT_EQ(line(text, "TLS.Example"), "TLS.Example 2 90 9.00 k 100.0%");
  EXPECT_EQ(line(text, "vlan > gre"), "vlan > gre 2 90 9.00 k 100.0%");
}

TEST(Summary, LocalNetworksHaveTheirOwnSums) {
  PrefixSet local;
  for (const char* network : {"10.0.0.0/29", "10.0.0.9"}) local.add(network);
  Summary summary(local);
  add(summary, 1, 9, 1000, 5000);
  add(summary, 1, 200, 300, 700);
  add(summary, 201, 2, 400, 0);
  add(summary, 200, 201, 100, 0);
  const std::string text = summary.text("x.pcap", ProbeTotals{});
  EXPECT_EQ(line(text, "local to local"), "local to local 1 60 6.00 k 80.0%") << text;
  EXPECT_EQ(line(text, "local to remote"), "local to remote 1 3 300 4.0%");
  EXPECT_EQ(line(text, "remote to local"), "remote to local 1 11 1.10 k 14.7%");
  EXPECT_EQ(line(text, "remote to remote"), "remote to remote 1 1 100 1.3%");
  EXPECT_EQ(line(text, "10.0.0.0/29"), "10.0.0.0/29 3 1.30 k 6.10 k");
  EXPECT_EQ(line(text, "10.0.0.9/32"), "10.0.0.9/32 1 5.00 k 1.00 k");
  EXPECT_EQ(line(text, "Top local hosts"), "Top local hosts flows sent received");
  EXPECT_EQ(line(text, "10.0.0.2 "), "10.0.0.2 1 0 400");
  EXPECT_EQ(text.find("10.0.0.200"), std::string::npos) << "no local host";
  EXPECT_EQ(Summary(local).text("x", ProbeTotals{}).find("Localities"), std::string::npos) << "nothing to tell";
}

TEST(Summary, LargestHostsComeFirst) {
  Summary summary;
  for (uint8_t host = 1; host <= 40; ++host) add(summary, host, 200, uint64_t{host} * 1000, 0);
  const std::string text = summary.text("x", ProbeTotals{});
  EXPECT_LT(text.find("10.0.0.200"), text.find("10.0.0.40"));
  EXPECT_LT(text.find("10.0.0.40"), text.find("10.0.0.39"));
  EXPECT_EQ(text.find("10.0.0.12 "), std::string::npos) << "only the largest";
}

TEST(Summary, OpenFlowsAreSaidToComeLater) {
  ProbeTotals totals;
  totals.flows = totals.open_flows = 3;
  totals.active_s = 120;
  totals.idle_s = 30;
  const std::string text = Summary().text("eth0", totals);
  EXPECT_EQ(line(text, "3 flows"), "3 flows in 0 records, 3 open");
  EXPECT_EQ(line(text, "flows come"),
            "flows come into the tables when they end: after 30 s of silence (-d), or each 120 s (-t)");
  totals.open_flows = 0;
  EXPECT_EQ(line(Summary().text("eth0", totals), "flows come"), "no line");
}

TEST(Summary, RunThatWasStoppedSaysHowMuchItRead) {
  ProbeTotals totals;
  totals.position = 250;
  totals.size = 1000;
  EXPECT_EQ(conservation_text(totals).find("stopped"), std::string::npos);
  totals.stopped = true;
  EXPECT_NE(conservation_text(totals).find("; stopped when 250 of the 1000 bytes of the input were read (25.0%)"),
            std::string::npos);
  EXPECT_EQ(line(Summary().text("x", totals), "stopped"),
            "stopped when 250 of the 1000 bytes of the input were read (25.0%)");
  totals.size = 0;
  EXPECT_EQ(line(Summary().text("x", totals), "stopped"), "stopped when 250 bytes of the input were read");
  totals.size = 250;
  EXPECT_EQ(line(Summary().text("x", totals), "stopped"), "no line") << "all was read by then";
}

TEST(Summary, CountOfASampleSaysWhatItStandsFor) {
  ProbeTotals totals;
  totals.anomalies[static_cast<size_t>(Anomaly::BadTransportChecksum)] = 50;
  totals.anomalies[static_cast<size_t>(Anomaly::BadIpChecksum)] = 3;
  const std::string said = "bad_transport_checksum 50 (1 packet in 64 is checked: about 3200 in all)";
  EXPECT_NE(conservation_text(totals).find(said), std::string::npos) << conservation_text(totals);
  EXPECT_EQ(line(Summary().text("x", totals), "bad_transport_checksum"), said);
  EXPECT_EQ(line(Summary().text("x", totals), "bad_ip_checksum"), "bad_ip_checksum 3") << "all are checked";
  totals.every_checksum = true;
  EXPECT_EQ(line(Summary().text("x", totals), "bad_transport_checksum"), "bad_transport_checksum 50");
  EXPECT_EQ(conservation_text(totals).find("about"), std::string::npos);
}

TEST(Summary, ClosingLineSaysWhereEveryPacketWent) {
  ProbeTotals totals;
  totals.read = 1000;
  totals.ignored[static_cast<size_t>(Ignored::Arp)] = 3;
  totals.ignored[static_cast<size_t>(Ignored::LostFragment)] = 4;
  totals.handover_drops = 2;
  totals.flows = 7;
  totals.records = 9;
  totals.evicted = 1;
  totals.filtered = 20;
  totals.kernel_drops = 50;
  totals.record_drops = 6;
  totals.anomalies[static_cast<size_t>(Anomaly::BadIpChecksum)] = 5;
  EXPECT_EQ(totals.metered(), 991U);
  const std::string text = conservation_text(totals);
  for (const char* part :
       {"1000 packets read = 991 metered + 7 ignored (arp 3, fragment_without_first 4) + 2 dropped between workers",
        "7 flows in 9 records", "1 ended because the table was full", "20 packets not matching the filter",
        "50 packets dropped by the kernel", "6 records dropped before the outputs", "bad_ip_checksum 5"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\nin " << text;
  }
  totals.sampling = 10;
  totals.not_sampled = 900;
  EXPECT_NE(conservation_text(totals).find("= 91 metered + 7 ignored (arp 3, fragment_without_first 4) + 900 not "
                                           "sampled (1 in 10 is) + 2 dropped"),
            std::string::npos)
      << conservation_text(totals);
  EXPECT_EQ(conservation_text(ProbeTotals{}), "0 packets read = 0 metered + 0 ignored; 0 flows in 0 records");
}

}  // namespace
}  // namespace microcloud
