#include "cloud/accounting.h"

#include <random>

#include "cloud/cloud_test_bed.h"

namespace microcloud {
namespace {

using namespace cloud_test;

const IpAddress kA = ip(10, 0, 0, 1), kB = ip(10, 0, 0, 2), kC = ip(10, 0, 0, 3);

TEST(Accounting, BytesAreThoseThatAHostSentAndReceived) {
  Bed bed;
  bed.flow(between(kA, kB), bytes(500, 2'000));
  const Node& node = bed.look();
  EXPECT_EQ(node.number("ip.10.0.0.1", "bytesSent"), 500);
  EXPECT_EQ(node.number("ip.10.0.0.1", "bytesRcvd"), 2'000);
  EXPECT_EQ(node.number("ip.10.0.0.1", "packetsSent"), 5);
  EXPECT_EQ(node.number("ip.10.0.0.1", "flowsClient"), 1);
  EXPECT_EQ(node.number("ip.10.0.0.1", "flowsServer"), 0);
  EXPECT_EQ(node.number("ip.10.0.0.2", "bytesSent"), 2'000);
  EXPECT_EQ(node.number("ip.10.0.0.2", "bytesRcvd"), 500);
  EXPECT_EQ(node.number("ip.10.0.0.2", "packetsRcvd"), 5);
  EXPECT_EQ(node.number("ip.10.0.0.2", "flowsServer"), 1);
  EXPECT_EQ(node.number("port.tcp.443", "bytesSent"), 2'000) << "from the port's own side";
  EXPECT_EQ(node.number("port.tcp.443", "flowsServer"), 1);
  EXPECT_EQ(node.number("proto.Unknown", "bytesSent"), 500) << "from the client's side";
  EXPECT_EQ(node.number("proto.Unknown", "flowsClient"), 1);
}

TEST(Accounting, SlicesAddUpAndAreOneFlow) {
  Bed bed;
  Traffic slice = bytes(100, 200);
  for (int at = 0; at < 4; ++at) {
    slice.begins_flow = at == 0;
    bed.flow(between(kA, kB), slice);
  }
  const Node& node = bed.look();
  EXPECT_EQ(node.number("ip.10.0.0.1", "bytesSent"), 400);
  EXPECT_EQ(node.number("ip.10.0.0.2", "bytesSent"), 800);
  EXPECT_EQ(node.number("ip.10.0.0.1", "flowsClient"), 1);
  EXPECT_EQ(node.number("ip.10.0.0.2", "flowsServer"), 1);
  EXPECT_TRUE(node.sets.empty()) << "it was one flow";
}

TEST(Accounting, VlansMacsAndApplicationsHaveCountersToo) {
  Bed bed;
  Common common = between(kA, kB, 53, 17);
  common.vlan = 12;
  Traffic traffic = bytes(100, 200);
  traffic.source_mac = Mac{{0, 0, 0, 0, 0, 1}};
  traffic.destination_mac = Mac{{0, 0, 0, 0, 0, 2}};
  traffic.application = "DNS.Google";
  bed.flow(common, traffic);
  const Node& node = bed.look();
  EXPECT_EQ(node.number("vlan.12", "bytesSent"), 100);
  EXPECT_EQ(node.number("vlan.12", "bytesRcvd"), 200);
  EXPECT_EQ(node.number("ip.10.0.0.1", "12.bytesSent"), 100);
  EXPECT_EQ(node.number("ip.10.0.0.2", "12.bytesSent"), 200);
  EXPECT_EQ(node.number("ip.10.0.0.2", "12.flowsServer"), 1);
  EXPECT_EQ(node.number("mac.00:00:00:00:00:02", "bytesSent"), 200);
  EXPECT_EQ(node.texts.at("mac.00:00:00:00:00:02").at("ip"), "10.0.0.2");
  EXPECT_EQ(node.texts.at("mac.00:00:00:00:00:01").at("vlan"), "12");
  EXPECT_EQ(node.texts.at("ip.10.0.0.1").at("mac"), "00:00:00:00:00:01");
  EXPECT_EQ(node.number("proto.DNS.Google", "flowsClient"), 1);
  EXPECT_EQ(node.number("port.udp.53", "bytesSent"), 200);
}

TEST(Accounting, FirstAndLastSeenAreThoseOfAllFlowsInWhateverOrderTheyEnd) {
  Bed bed;
  bed.flow(between(kA, kB), bytes(1, 1, 5'000, 6'000));
  bed.look();
  bed.flow(between(kA, kB), bytes(1, 1, 1'000, 5'500));
  bed.look();
  bed.flow(between(kA, kC), bytes(1, 1, 5'100, 9'000));
  bed.look();
  bed.flow(between(kA, kC), bytes(1, 1, 5'100, 8'000));
  const Node& node = bed.look();
  EXPECT_EQ(node.number("ip.10.0.0.1", "firstSeen"), 1'000);
  EXPECT_EQ(node.number("ip.10.0.0.1", "lastSeen"), 9'000);
  EXPECT_EQ(node.number("ip.10.0.0.3", "firstSeen"), 5'100);
}

TEST(Accounting, SortedSetsAreBornWithTheSecondFlowAndHoldTheFirstToo) {
  Bed bed;
  Traffic traffic = bytes(100, 50);
  traffic.application = "TLS";
  bed.flow(between(kA, kB), traffic);
  EXPECT_TRUE(bed.look().sets.empty());
  traffic.application = "DNS";
  bed.flow(between(kA, kC, 53, 17), traffic);
  const Node& node = bed.look();
  using Members = std::map<std::string, int64_t>;
  EXPECT_EQ(node.sets.at("ip.10.0.0.1.peers"), (Members{{"10.0.0.2", 150}, {"10.0.0.3", 150}}));
  EXPECT_EQ(node.sets.at("ip.10.0.0.1.ports"), (Members{{"tcp.443", 150}, {"udp.53", 150}}));
  EXPECT_EQ(node.sets.at("ip.10.0.0.1.protocols"), (Members{{"TLS", 150}, {"DNS", 150}}));
  EXPECT_EQ(node.sets.size(), 3U) << "the others have had one flow";
}

TEST(Accounting, RulesGrowTheHostsThatTheyName) {
  Bed bed;
  const Common common = between(kA, kB, 53, 17);
  bed.query(common, {.code = 0});
  bed.query(common, {.code = 3, .count = 2});
  bed.query(common, {.code = std::nullopt});
  const Node& node = bed.look();
  EXPECT_EQ(node.number("ip.10.0.0.1", "dns.queries"), 3);
  EXPECT_EQ(node.number("ip.10.0.0.1", "dns.nxdomain"), 1);
  EXPECT_EQ(node.number("ip.10.0.0.2", "dns.messages"), 4);
  EXPECT_EQ(node.number("ip.10.0.0.2", "dns.queries"), 0);
  EXPECT_EQ(node.refreshed.at("ip.10.0.0.1"), 1U);
  bed.flow(common, bytes(10, 10, 7'000, 8'000));
  EXPECT_EQ(bed.look().number("ip.10.0.0.1", "firstSeen"), 7'000);
}

TEST(Accounting, UsersHaveTheTrafficOfTheirOwnEnds) {
  Bed bed;
  Common common = between(kA, kB);
  common.source_user = "anna";
  common.destination_user = "web";
  bed.flow(common, bytes(500, 2'000));
  common = between(kC, kA);
  common.destination_user = "anna";
  bed.flow(common, bytes(30, 70));
  const Node& node = bed.look();
  EXPECT_EQ(node.number("user.anna", "bytesSent"), 570);
  EXPECT_EQ(node.number("user.anna", "bytesRcvd"), 2'030);
  EXPECT_EQ(node.number("user.anna", "flowsClient"), 1);
  EXPECT_EQ(node.number("user.anna", "flowsServer"), 1);
  EXPECT_EQ(node.number("user.web", "bytesSent"), 2'000);
  EXPECT_EQ(node.texts.at("ip.10.0.0.1").at("user"), "anna");
  EXPECT_EQ(node.texts.at("ip.10.0.0.2").at("user"), "web");
  EXPECT_FALSE(node.texts.contains("ip.10.0.0.3"));
}

TEST(Accounting, AUsersKeyIsAlwaysGivenATimeToLiveUnlessSomebodyKeepsIt) {
  Bed bed;
  Common common = between(kA, kB);
  common.source_user = "anna";
  for (int at = 0; at < 2; ++at) {
    bed.flow(common, bytes(1, 1));
    const KeyUpdate* update = bed.buffer.find("user.anna");
    ASSERT_NE(update, nullptr);
    EXPECT_TRUE(update->refreshes());
    EXPECT_EQ(update->refreshes_unless(), "source");
    EXPECT_EQ(bed.buffer.find("ip.10.0.0.1")->refreshes_unless(), "");
    bed.look();
  }
}

TEST(Accounting, UsersAreBoundedAsOtherKeysAre) {
  AccountingSettings settings;
  settings.births = {.per_second = 10, .most_keys = 1'000'000, .ttl_s = 100};
  Bed bed(settings);
  Common common = between(kA, kB);
  for (int at = 0; at < 1'000; ++at) {
    const std::string name = "user" + std::to_string(at);
    common.source_user = name;
    bed.flow(common, bytes(1, 1));
  }
  size_t users = 0;
  for (const auto& [key, fields] : bed.look().numbers) users += key.starts_with("user.") ? 1 : 0;
  EXPECT_LE(users, 60U);
  EXPECT_GE(users, 10U);
  EXPECT_EQ(bed.node.number("ip.10.0.0.1", "bytesSent"), 1'000);
}

TEST(Accounting, AHostHasTheNameThatItWasLastCalledBy) {
  Bed bed;
  bed.lesson({.host = kB, .name = "early.example"});
  EXPECT_TRUE(bed.look().texts.empty()) << "it has no key yet";
  bed.flow(between(kA, kB), bytes(1, 1));
  EXPECT_EQ(bed.look().texts.at("ip.10.0.0.2").at("name"), "early.example");
  EXPECT_FALSE(bed.node.texts.contains("ip.10.0.0.1"));
  bed.node.texts.clear();
  bed.lesson({.host = kB, .name = "early.example"});
  bed.flow(between(kA, kB), bytes(1, 1));
  EXPECT_TRUE(bed.look().texts.empty()) << "no news";
  bed.lesson({.host = kB, .name = "late.example"});
  EXPECT_EQ(bed.look().texts.at("ip.10.0.0.2").at("name"), "late.example");
}

TEST(Accounting, TheNamesOfHostsThatAreNeverTalkedToAreForgotten) {
  RecentHosts<std::string> names(2, HashSeed{});
  names.at(kA) = "a";
  names.at(kB) = "b";
  names.at(kA) = "aa";
  EXPECT_EQ(*names.find(kA), "aa");
  names.at(kC) = "c";
  EXPECT_EQ(names.find(kA), nullptr);
  EXPECT_EQ(*names.find(kC), "c");
  EXPECT_EQ(names.size(), 2U);
}

TEST(Accounting, AHostsSystemIsTheOneThatMostOfItsConnectionsShow) {
  Bed bed;
  const auto syn = [&](HostSystem system) { bed.lesson({.host = kA, .system = system}); };
  syn(HostSystem::Windows);
  EXPECT_TRUE(bed.look().texts.empty()) << "it has no key yet";
  bed.flow(between(kA, kB), bytes(1, 1));
  syn(HostSystem::Linux);
  EXPECT_EQ(bed.look().texts.at("ip.10.0.0.1").at("os"), "Linux");
  syn(HostSystem::Linux);
  syn(HostSystem::Windows);
  syn(HostSystem::Windows);
  EXPECT_EQ(bed.look().texts.at("ip.10.0.0.1").at("os"), "Linux") << "as often is not more often";
  syn(HostSystem::Windows);
  EXPECT_EQ(bed.look().texts.at("ip.10.0.0.1").at("os"), "Windows");
  for (int at = 0; at < 1'000; ++at) syn(HostSystem::Linux);
  EXPECT_EQ(bed.look().texts.at("ip.10.0.0.1").at("os"), "Linux");
}

TEST(Accounting, KeysLiveAnewOnceAQuarterOfTheirTime) {
  AccountingSettings settings;
  settings.births.ttl_s = 100;
  Bed bed(settings);
  for (bed.now_s = 1; bed.now_s <= 100; ++bed.now_s) {
    bed.flow(between(kA, kB), bytes(1, 1));
    bed.look();
  }
  for (const char* key : {"ip.10.0.0.1", "ip.10.0.0.2", "port.tcp.443", "proto.Unknown"})
    EXPECT_EQ(bed.node.refreshed.at(key), 4U) << key;
  // The first refresh of the sets comes with the host's.
  EXPECT_EQ(bed.node.refreshed.at("ip.10.0.0.1.peers"), 4U);
}

TEST(Accounting, ExpiredKeysAreForgottenAndBornAgain) {
  AccountingSettings settings;
  settings.births.ttl_s = 10;
  Bed bed(settings);
  for (uint8_t last = 1; last < 200; ++last) bed.flow(between(ip(10, 1, 0, last), kB), bytes(1, 1));
  EXPECT_GE(bed.accounting.keys_known(), 200U);
  for (int time = 0; time < 1'000; ++time) bed.accounting.sweep(100);
  EXPECT_EQ(bed.accounting.keys_known(), 0U);
  bed.look();
  bed.node = {};
  bed.now_s = 200;
  bed.flow(between(kA, kB), bytes(1, 1, 77'000, 78'000));
  EXPECT_EQ(bed.look().number("ip.10.0.0.2", "firstSeen"), 77'000);
}

TEST(Accounting, AKeyBornAgainIsToldAllOnceMore) {
  Bed bed;
  Common common = between(kA, kB);
  common.vlan = 12;
  Traffic traffic = bytes(1, 1, 1'000, 9'000);
  traffic.source_mac = Mac{{0, 0, 0, 0, 0, 0xa1}};
  bed.flow(common, traffic);
  bed.look();
  bed.node = {};
  const std::vector<std::string> keys = {"ip.10.0.0.1", "mac.00:00:00:00:00:a1", "vlan.12", "proto.Unknown",
                                         "port.tcp.443"};
  for (const std::string& key : keys) bed.accounting.reborn(key, {3'000, 4'000});
  bed.accounting.reborn("ip.10.9.9.9", {1, 2});
  bed.accounting.reborn("nothing", {1, 2});
  traffic.start_ms = 2'000;
  traffic.end_ms = 5'000;
  bed.flow(common, traffic);
  const Node& node = bed.look();
  for (const std::string& key : keys) {
    EXPECT_EQ(node.number(key, "firstSeen"), 2'000) << key << ", though 1,000 had been told of it";
    EXPECT_EQ(node.number(key, "lastSeen"), 5'000) << key;
    EXPECT_EQ(node.refreshed.at(key), 1U) << key;
  }
  EXPECT_EQ(node.texts.at("ip.10.0.0.1").at("mac"), "00:00:00:00:00:a1");
  EXPECT_EQ(node.texts.at("mac.00:00:00:00:00:a1").at("ip"), "10.0.0.1");
  EXPECT_EQ(node.texts.at("mac.00:00:00:00:00:a1").at("vlan"), "12");
  traffic.start_ms = 2'500;
  bed.flow(common, traffic);
  bed.look();
  EXPECT_EQ(node.refreshed.at("ip.10.0.0.1"), 1U) << "once";
}

TEST(Accounting, WhatWaitsOfAKeyBornAgainTellsItsTimes) {
  Bed bed;
  bed.flow(between(kA, kB), bytes(1, 1, 1'000, 9'000));
  bed.look();
  bed.node = {};
  bed.flow(between(kA, kB), bytes(1, 1, 2'000, 5'000));
  bed.accounting.reborn("ip.10.0.0.1", {3'000, 4'000});
  const Node& node = bed.look();
  EXPECT_EQ(node.number("ip.10.0.0.1", "firstSeen"), 2'000);
  EXPECT_EQ(node.number("ip.10.0.0.1", "lastSeen"), 5'000);
}

TEST(Accounting, OnlyHostsThatWereChosenHaveKeys) {
  AccountingSettings settings;
  settings.is_local = [](const IpAddress& address) { return address == kA; };
  for (const HostChoice choice : {HostChoice::Local, HostChoice::Answered}) {
    settings.hosts = choice;
    Bed bed(settings);
    bed.flow(between(kC, kA), bytes(100, 0));  // never answered
    bed.flow(between(kA, kB), bytes(10, 1));   // answered
    bed.query(between(kC, kB, 53, 17), {});
    const Node& node = bed.look();
    EXPECT_EQ(node.number("ip.10.0.0.1", "bytesRcvd"), 101);
    EXPECT_FALSE(node.numbers.contains("ip.10.0.0.3"));
    EXPECT_EQ(node.numbers.contains("ip.10.0.0.2"), choice == HostChoice::Answered);
    EXPECT_EQ(node.number("ip.other4", "bytesSent"), choice == HostChoice::Answered ? 100 : 101);
    EXPECT_EQ(node.number("ip.other4", "dns.queries"), 1);
    EXPECT_EQ(bed.accounting.keys_refused(), 0U) << "nobody wanted them";
  }
}

/// Sums of what was put, and of what came out.
struct Wire {
  int64_t bytes = 0, packets = 0, flows = 0;
};

TEST(Accounting, AllHostsTogetherEqualTheWireWhateverIsForged) {
  std::mt19937_64 random(7);
  AccountingSettings settings;
  settings.births = {.per_second = 50, .most_keys = 1'000'000, .ttl_s = 30};
  Bed bed(settings);
  Wire wire;
  std::map<IpAddress, int64_t> sent_by_regulars;  // who were there before the flood began
  for (int at = 0; at < 30'000; ++at) {
    bed.now_s = 1 + static_cast<uint32_t>(at / 300);
    const bool forged = at > 2'000 && random() % 2 == 0;
    const auto byte = [&] { return static_cast<uint8_t>(random()); };
    const IpAddress server = ip(192, 0, 2, static_cast<uint8_t>(random() % 20));
    IpAddress source = forged ? ip(byte(), byte(), byte(), byte()) : ip(10, 0, 0, static_cast<uint8_t>(random() % 50));
    if (forged && random() % 4 == 0) source.version = 6;
    Traffic traffic = bytes(random() % 5'000, random() % 3 == 0 ? 0 : random() % 9'000, at * 3, at * 3 + 500);
    traffic.begins_flow = random() % 3 != 0;
    Common common = between(source, at % 100 == 0 ? source : server, static_cast<uint16_t>(random() % 30));
    if (random() % 2 == 0) common.vlan = static_cast<uint16_t>(random() % 5);
    bed.flow(common, traffic);
    wire.bytes += static_cast<int64_t>(traffic.octets + traffic.reverse_octets);
    wire.packets += static_cast<int64_t>(traffic.packets + traffic.reverse_packets);
    wire.flows += traffic.begins_flow ? 1 : 0;
    if (!forged && at % 100 != 0) sent_by_regulars[source] += static_cast<int64_t>(traffic.octets);
    if (!forged && at % 100 == 0)
      sent_by_regulars[source] += static_cast<int64_t>(traffic.octets + traffic.reverse_octets);
    if (at % 37 == 0) bed.look();
    if (at % 100 == 0) bed.accounting.sweep(bed.now_s);
  }
  const Node& node = bed.look();
  EXPECT_EQ(node.sum("ip.", "bytesSent"), wire.bytes);
  EXPECT_EQ(node.sum("ip.", "bytesRcvd"), wire.bytes);
  EXPECT_EQ(node.sum("ip.", "packetsSent"), wire.packets);
  EXPECT_EQ(node.sum("ip.", "packetsRcvd"), wire.packets);
  EXPECT_EQ(node.sum("ip.", "flowsClient"), wire.flows);
  EXPECT_EQ(node.sum("ip.", "flowsServer"), wire.flows);
  EXPECT_EQ(node.sum("proto.", "bytesSent") + node.sum("proto.", "bytesRcvd"), wire.bytes);
  int64_t vlan_bytes = 0;
  for (int id = 0; id < 5; ++id) vlan_bytes += node.sum("ip.", std::to_string(id) + ".bytesSent");
  EXPECT_EQ(node.sum("vlan.", "bytesSent") + node.sum("vlan.", "bytesRcvd"), vlan_bytes);

  size_t keys = 0;
  for (const auto& [key, fields] : node.numbers) keys += key.starts_with("ip.") ? 1 : 0;
  EXPECT_LT(keys, 50U * 100 + 50 * 5 + 2) << "born: 50 a second of 90, and the first burst";
  EXPECT_GT(bed.accounting.keys_refused(), 5'000U);
  for (const auto& [address, sent] : sent_by_regulars)
    EXPECT_EQ(node.number("ip." + to_text(address), "bytesSent"), sent) << to_text(address);
}

TEST(Accounting, SetsWithManyMembersAreTrimmedAndFewOnesAreNot) {
  Bed bed;
  const auto talk_to = [&bed](uint8_t first, uint8_t last) {
    for (unsigned peer = first; peer <= last; ++peer)
      bed.flow(between(kA, ip(10, 0, 1, static_cast<uint8_t>(peer))), bytes(1, 1));
  };
  const auto trims = [&bed](const std::string& of) { return bed.buffer.at("ip.10.0.0.1." + of).trims(); };
  talk_to(1, 20);
  EXPECT_FALSE(trims("peers"));
  talk_to(21, 128);
  EXPECT_TRUE(trims("peers"));
  EXPECT_FALSE(trims("ports"));
  EXPECT_FALSE(trims("protocols"));
}

TEST(Accounting, SortedSetsCountAmongTheKeysThatMayBeBorn) {
  AccountingSettings settings;
  settings.births = {.per_second = 10'000, .most_keys = 60, .ttl_s = 3'600};
  Bed bed(settings);
  for (int flow = 0; flow < 3; ++flow) {
    for (uint8_t host = 1; host <= 200; ++host) bed.flow(between(ip(10, 1, 0, host), kB), bytes(100, 50));
  }
  const Node& node = bed.look();
  size_t hosts = 0;
  for (const auto& [key, fields] : node.numbers) hosts += key.starts_with("ip.1") ? 1 : 0;
  const size_t ports = 1;
  EXPECT_LE(hosts + node.sets.size() + ports, 60U);
  EXPECT_GT(hosts, 10U);
  EXPECT_EQ(node.sets.size() % 3, 0U);
  EXPECT_EQ(node.sum("ip.", "bytesSent"), 3 * 200 * 150) << "what has no key of its own is in ip.other4";
  EXPECT_GT(bed.accounting.keys_refused(), 0U);
}

}  // namespace
}  // namespace microcloud
