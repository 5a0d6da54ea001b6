#include "inspect/ndpi_adapter.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <utility>
#include <vector>

#include "packet/packet.h"
#include "tools/packet_builder.h"
#include "tools/payloads.h"

namespace microcloud {
namespace {

using tools::Blob;
using tools::Packet;
using Progress = Ndpi::Progress;

struct Seen {
  std::string name, category;
  uint8_t confidence;
  uint64_t risks;
  uint16_t score;
  unsigned shown;  // packets until it was decided, or all
};

Blob bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The IP packets of a classic capture file of plain Ethernet frames.
std::vector<Blob> ip_packets(const std::string& name) {
  const Blob file = bytes_of(MICROCLOUD_CAPTURES "/" + name);
  constexpr size_t kFileHeader = 24, kRecordHeader = 16, kEthernet = 14;
  std::vector<Blob> packets;
  size_t at = kFileHeader;
  while (at + kRecordHeader <= file.size()) {
    const uint32_t size = load_raw<uint32_t>(&file[at + 8]);
    at += kRecordHeader;
    const uint16_t type = load_be16(&file[at + 12]);
    if (type == 0x0800 || type == 0x86dd) packets.emplace_back(&file[at + kEthernet], &file[at] + size);
    at += size;
  }
  return packets;
}

/// One flow's packets shown to nDPI, and what it then says.
Seen look(Ndpi& ndpi, uint8_t protocol, const std::vector<Blob>& packets) {
  Ndpi::Flow* flow = ndpi.open(protocol);
  Seen seen{};
  for (const Blob& packet : packets) {
    ++seen.shown;
    if (ndpi.show(*flow, packet, 1'700'000'000'000'000, true) == Progress::Decided) break;
  }
  const Application said = ndpi.conclude(*flow);
  seen.name = said.name;
  seen.category = said.category;
  seen.confidence = said.confidence;
  seen.risks = said.risks;
  seen.score = said.score;
  ndpi.close(flow);
  return seen;
}

/// The flows of a file in the order of their keys (protocol, ports).
std::vector<Seen> look_at_file(Ndpi& ndpi, const std::string& name) {
  std::map<std::pair<uint8_t, uint32_t>, std::vector<Blob>> flows;
  for (Blob& packet : ip_packets(name)) {
    const bool v4 = packet[0] >> 4 == 4;
    const uint8_t protocol = v4 ? packet[9] : packet[6];
    const size_t header = v4 ? 20 : 40;
    const uint32_t ports = has_ports(protocol) ? load_be16(&packet[header]) * load_be16(&packet[header + 2]) : 0U;
    flows[{protocol, ports}].push_back(std::move(packet));
  }
  std::vector<Seen> seen;
  for (const auto& [key, packets] : flows) seen.push_back(look(ndpi, key.first, packets));
  return seen;
}

std::vector<std::string> names_in(Ndpi& ndpi, const std::string& file) {
  std::vector<std::string> names;
  for (const Seen& one : look_at_file(ndpi, file)) names.push_back(one.name);
  return names;
}

Packet there() {
  return Packet().ipv4("10.1.0.1", "10.1.0.2");
}
Packet back() {
  return Packet().ipv4("10.1.0.2", "10.1.0.1");
}

/// A handshake and the client's first bytes.
template <typename Payload>
std::vector<Blob> connection(uint16_t port, const Payload& first) {
  return {there().tcp(40000, port, {.seq = 100, .flags = tools::kSyn}).bytes(),
          back().tcp(port, 40000, {.seq = 500, .ack = 101, .flags = tools::kSyn | tools::kAck}).bytes(),
          there().tcp(40000, port, {.seq = 101, .ack = 501, .flags = tools::kAck}).bytes(),
          there().tcp(40000, port, {.seq = 101, .ack = 501}).payload(first).bytes()};
}
std::vector<Blob> tls_to(const std::string& server) {
  return connection(443, tools::tls_client_hello(server, 7));
}

struct CustomFile {
  explicit CustomFile(const std::string& text)
      : path((std::filesystem::temp_directory_path() / ("protocols." + std::to_string(getpid()))).string()) {
    std::ofstream(path) << text;
  }
  ~CustomFile() { std::filesystem::remove(path); }
  CustomFile(const CustomFile&) = delete;
  CustomFile& operator=(const CustomFile&) = delete;
  std::string path;
};

std::string refusal(const std::string& text) {
  const CustomFile file(text);
  try {
    const Ndpi ndpi({file.path});
  } catch (const std::runtime_error& error) {
    const std::string said = error.what();
    return said.substr(0, file.path.size()) == file.path ? said.substr(file.path.size()) : said;
  }
  return "taken";
}

TEST(NdpiAdapter, NamesRealTrafficAsNdpiReaderDoes) {
  Ndpi ndpi({});
  std::vector<std::string> tls(4, "TLS"), dns(10, "DNS");
  tls.emplace_back("ICMPV6");                    // neighbour discovery
  dns.insert(dns.end(), {"Unknown", "ICMPV6"});  // one query went to another port, in vain
  EXPECT_EQ(names_in(ndpi, "real/tls.pcap"), tls);
  EXPECT_EQ(names_in(ndpi, "real/dns.pcap"), dns);
  EXPECT_EQ(names_in(ndpi, "real/ssh.pcap"), std::vector<std::string>{"SSH"});
}

TEST(NdpiAdapter, SaysMoreThanAName) {
  Ndpi ndpi({});
  const Seen ssh = look_at_file(ndpi, "real/ssh.pcap").front();
  EXPECT_EQ(ssh.category, "RemoteAccess");
  EXPECT_EQ(confidence_name(ssh.confidence), "DPI");
  const Seen plain = look_at_file(ndpi, "real/http.pcap").front();
  EXPECT_EQ(plain.name, "HTTP");
  EXPECT_EQ(plain.category, "Web");
}

TEST(NdpiAdapter, AServerNameIsPartOfTheName) {
  Ndpi ndpi({});
  const Seen seen = look(ndpi, ip_protocol::kTcp, tls_to("www.youtube.com"));
  EXPECT_EQ(seen.name, "TLS.YouTube");
  EXPECT_EQ(seen.category, "Media");
  EXPECT_EQ(look(ndpi, ip_protocol::kTcp, tls_to("www.example.org")).name, "TLS");
}

TEST(NdpiAdapter, RisksHaveNamesAndAScore) {
  Ndpi ndpi({});
  const Seen usual = look(ndpi, ip_protocol::kTcp, connection(80, tools::http_get("www.example.org", "/")));
  EXPECT_EQ(usual.name, "HTTP");
  EXPECT_EQ(usual.risks, 0U);
  EXPECT_EQ(usual.score, 0U);
  const Seen odd = look(ndpi, ip_protocol::kTcp, connection(4088, tools::http_get("192.0.2.1", "/")));
  EXPECT_EQ(odd.name, "HTTP");
  constexpr unsigned kOtherPort = 5, kNumericHost = 12;
  EXPECT_EQ(odd.risks & (1U << kOtherPort | 1U << kNumericHost), 1U << kOtherPort | 1U << kNumericHost);
  EXPECT_GE(odd.score, 20U);
}

TEST(NdpiAdapter, NamesOfNumbers) {
  EXPECT_EQ(risk_name(5), "Known Protocol on Non Standard Port");
  EXPECT_EQ(risk_name(0), "");
  EXPECT_EQ(risk_name(64), "");
  EXPECT_EQ(risk_name(4'000'000'000), "");
  EXPECT_EQ(confidence_name(0), "Unknown");
  EXPECT_EQ(confidence_name(1), "Match by port");
  EXPECT_EQ(confidence_name(255), "");
}

TEST(NdpiAdapter, GuessesByPortWhatItCannotTell) {
  Ndpi ndpi({});
  auto packets = tls_to("x");
  packets.pop_back();  // the handshake alone
  const Seen seen = look(ndpi, ip_protocol::kTcp, packets);
  EXPECT_EQ(seen.name, "TLS");
  EXPECT_EQ(confidence_name(seen.confidence), "Match by port");
}

TEST(NdpiAdapter, LooksAtABoundedNumberOfPackets) {
  Ndpi ndpi({});
  const std::vector<Blob> datagrams(100, there().udp(40000, 40001).payload(Blob(64, 0xee)).bytes());
  EXPECT_EQ(look(ndpi, ip_protocol::kUdp, datagrams).shown, 25U);
  std::vector<Blob> segments(100, there().tcp(40000, 40001, {.flags = tools::kAck}).payload(Blob(64, 0xee)).bytes());
  segments.front() = there().tcp(40000, 40001, {.flags = tools::kSyn}).bytes();
  const Seen seen = look(ndpi, ip_protocol::kTcp, segments);
  EXPECT_EQ(seen.shown, 32U);
  EXPECT_EQ(seen.name, "Unknown");
}

TEST(NdpiAdapter, WhatIsDecidedStays) {
  Ndpi ndpi({});
  Ndpi::Flow* flow = ndpi.open(ip_protocol::kUdp);
  const Blob query = there().udp(40000, 53).payload(tools::dns_query(1, "www.example.org")).bytes();
  const Blob answer = back().udp(53, 40000).payload(tools::dns_answer(1, "www.example.org", "192.0.2.1")).bytes();
  EXPECT_EQ(ndpi.so_far(*flow).name, "Unknown");
  EXPECT_EQ(ndpi.show(*flow, query, 0, true), Progress::Named) << "the answer is still to come";
  EXPECT_EQ(ndpi.so_far(*flow).name, "DNS");
  EXPECT_EQ(ndpi.show(*flow, answer, 0, false), Progress::Decided);
  EXPECT_EQ(ndpi.show(*flow, query, 0, true), Progress::Decided);
  EXPECT_EQ(ndpi.conclude(*flow).name, "DNS");
  EXPECT_EQ(ndpi.conclude(*flow).name, "DNS");
  ndpi.close(flow);
}

TEST(NdpiAdapter, AClosedFlowsMemoryIsUsedAgainWithoutItsPast) {
  Ndpi ndpi({});
  Ndpi::Flow* first = ndpi.open(ip_protocol::kTcp);
  for (const Blob& packet : tls_to("www.youtube.com")) ndpi.show(*first, packet, 0, true);
  ndpi.close(first);
  ndpi.close(nullptr);
  Ndpi::Flow* second = ndpi.open(ip_protocol::kUdp);
  EXPECT_EQ(first, second);
  const Application said = ndpi.conclude(*second);
  EXPECT_EQ(said.name, "Unknown");
  EXPECT_EQ(said.risks, 0U);
  ndpi.close(second);
  EXPECT_GE(Ndpi::flow_size(), 512U);
}

TEST(NdpiAdapter, WhatIsNotWholeIsPassedOver) {
  Ndpi ndpi({});
  const Blob whole = there().udp(40000, 53).payload(tools::dns_query(1, "www.example.org")).bytes();
  const Blob whole6 = Packet().ipv6("2001:db8::1", "2001:db8::2").udp(1, 53).payload("0123456789").bytes();
  const Blob later = Packet().ipv4("10.1.0.1", "10.1.0.2", {.offset = 8, .protocol = 17}).payload("abcdefgh").bytes();
  Ndpi::Flow* flow = ndpi.open(ip_protocol::kUdp);
  for (const Blob& packet : {whole, whole6}) {
    for (size_t size = 0; size < packet.size(); ++size) {
      EXPECT_EQ(ndpi.show(*flow, Bytes(packet).first(size), 0, true), Progress::More) << size;
    }
  }
  for (int again = 0; again < 100; ++again) EXPECT_EQ(ndpi.show(*flow, later, 0, true), Progress::More);
  EXPECT_EQ(ndpi.conclude(*flow).name, "Unknown");
  ndpi.close(flow);

  Blob padded = whole;
  padded.resize(padded.size() + 18);
  const Seen seen = look(ndpi, ip_protocol::kUdp, {padded});
  EXPECT_EQ(seen.name, "DNS");
}

TEST(NdpiAdapter, CustomProtocols) {
  const CustomFile file(
      "# ours\n"
      "\n"
      "udp:4711-4712,tcp:4711@Orders\r\n"
      "host:\"Shop.Example.org\"@Shop\n"
      "ip:192.0.2.7@Vault\n"
      "tcp:8181@HTTP\n"
      "ip_risk_mask:10.1.0.0/16=0\n"
      "host_risk_mask:\".home\"=0\n"
      "trusted_issuer_dn:\"CN=Ours, O=Example\"\n"
      "udp:4999@Last");
  Ndpi ndpi({file.path});
  const auto datagram = [](uint16_t port) {
    return std::vector<Blob>{there().udp(40000, port).payload("hello, world").bytes()};
  };
  EXPECT_EQ(look(ndpi, ip_protocol::kUdp, datagram(4711)).name, "Orders");
  EXPECT_EQ(look(ndpi, ip_protocol::kUdp, datagram(4712)).name, "Orders");
  EXPECT_EQ(look(ndpi, ip_protocol::kUdp, datagram(4713)).name, "Unknown");
  EXPECT_EQ(look(ndpi, ip_protocol::kUdp, datagram(4999)).name, "Last") << "the last line has no end of line";
  EXPECT_EQ(look(ndpi, ip_protocol::kTcp, tls_to("eu.shop.example.org")).name, "TLS.Shop");
  const Blob to_vault = Packet().ipv4("10.1.0.1", "192.0.2.7").udp(40000, 40001).payload("hello, world").bytes();
  EXPECT_EQ(look(ndpi, ip_protocol::kUdp, {to_vault}).name, "Vault");
}

TEST(NdpiAdapter, ABrokenCustomProtocolIsToldWithItsLineAndNothingIsPrinted) {
  testing::internal::CaptureStdout();
  EXPECT_EQ(refusal("tcp:81@Good\nudp:@Bad\n").substr(0, 4), ":2: ");
  EXPECT_NE(refusal("host:\"upload.youtube.com\"@Mine\n").find(":1: \"upload.youtube.com\" is taken by YouTubeUpload"),
            std::string::npos);
  std::string many;
  for (int at = 1; at <= 300; ++at) many += "tcp:" + std::to_string(at) + "@Own" + std::to_string(at) + '\n';
  EXPECT_NE(refusal(many).find(": too many names (accepted: "), std::string::npos);
  EXPECT_EQ(refusal("tcp:81@Good\n"), "taken");
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
}

TEST(NdpiAdapter, AMissingFileIsTold) {
  try {
    const Ndpi ndpi({"/nowhere/protocols"});
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(std::string(error.what()), "/nowhere/protocols: No such file or directory");
  }
}

}  // namespace
}  // namespace microcloud
