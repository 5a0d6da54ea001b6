#include "query/point_answer.h"

#include <set>

#include "query/listing.h"
#include "query/query_test_bed.h"

namespace microcloud {
namespace {

struct Sum {
  uint64_t bytes_sent = 0, bytes_rcvd = 0, packets_sent = 0, packets_rcvd = 0, client = 0, server = 0;
};

Sum sum_of(const std::vector<OneFlow>& flows, const IpAddress& host) {
  Sum sum;
  for (const OneFlow& one : flows) {
    if (one.common.source == host) {
      sum.bytes_sent += one.flow.octets;
      sum.bytes_rcvd += one.flow.reverse_octets;
      sum.packets_sent += one.flow.packets;
      sum.packets_rcvd += one.flow.reverse_packets;
      ++sum.client;
    } else if (one.common.destination == host) {
      sum.bytes_rcvd += one.flow.octets;
      sum.bytes_sent += one.flow.reverse_octets;
      sum.packets_rcvd += one.flow.packets;
      sum.packets_sent += one.flow.reverse_packets;
      ++sum.server;
    }
  }
  return sum;
}

uint64_t number(const Entry& entry, std::string_view field) {
  const std::string* text = entry.field(field);
  return text == nullptr ? 0 : std::stoull(*text);
}

/// An answer to some keys, of all flows or of those that the question would bring.
std::unique_ptr<PointAnswer> ask(const LiveView& view, const std::vector<OneFlow>& flows,
                                 const std::vector<std::string>& keys) {
  auto answer = std::make_unique<PointAnswer>(view, keys);
  const FlowQuestion question = answer->question();
  answer->at_cut();
  for (const OneFlow& one : flows) {
    const auto is_asked = [&](const IpAddress& host) {
      return std::binary_search(question.hosts.begin(), question.hosts.end(), host);
    };
    if (question.filter ? question.filter->takes(one.common, one.flow)
                        : is_asked(one.common.source) || is_asked(one.common.destination))
      answer->add(one.common, one.flow);
  }
  answer->finish();
  return answer;
}

TEST(PointAnswer, OfHostsIsTheSumOfTheirFlows) {
  const LiveView view = view_without_node();
  const std::vector<OneFlow> flows = flows_by_chance(1, 400);
  std::vector<std::string> keys;
  for (unsigned host = 1; host <= 12; ++host) keys.push_back("ip.10.0.0." + std::to_string(host));
  for (const bool one_by_one : {true, false}) {
    const auto together = ask(view, flows, keys);
    for (unsigned host = 1; host <= 12; ++host) {
      const auto alone = ask(view, flows, {keys[host - 1]});
      const Entry& entry = (one_by_one ? alone : together)->entry(keys[host - 1]);
      const Sum sum = sum_of(flows, host_number(host));
      EXPECT_EQ(entry.type, Entry::Type::Hash);
      EXPECT_EQ(number(entry, "bytesSent"), sum.bytes_sent);
      EXPECT_EQ(number(entry, "bytesRcvd"), sum.bytes_rcvd);
      EXPECT_EQ(number(entry, "packetsSent"), sum.packets_sent);
      EXPECT_EQ(number(entry, "packetsRcvd"), sum.packets_rcvd);
      EXPECT_EQ(number(entry, "flowsClient"), sum.client);
      EXPECT_EQ(number(entry, "flowsServer"), sum.server);
      EXPECT_EQ(entry.field("_batch"), nullptr) << "there is no node";
    }
  }
}

TEST(PointAnswer, OfPortsVlansAndApplicationsIsTheSumOfTheirFlows) {
  const LiveView view = view_without_node();
  const std::vector<OneFlow> flows = flows_by_chance(2, 400);
  const auto answer = ask(view, flows, {"port.tcp.51", "vlan.2", "proto.DNS", "proto.Unknown", "ip.10.0.0.1"});
  uint64_t of_port = 0, of_vlan = 0, of_dns = 0, of_none = 0;
  for (const OneFlow& one : flows) {
    if (one.common.protocol == 6 && one.common.destination_port == 51) of_port += one.flow.reverse_octets;
    if (one.common.vlan == 2) of_vlan += one.flow.octets;
    if (one.flow.application == "DNS") of_dns += one.flow.octets;
    if (!one.flow.application) of_none += one.flow.octets;
  }
  EXPECT_EQ(number(answer->entry("port.tcp.51"), "bytesSent"), of_port) << "what servers sent";
  EXPECT_EQ(number(answer->entry("vlan.2"), "bytesSent"), of_vlan);
  EXPECT_EQ(number(answer->entry("proto.DNS"), "bytesSent"), of_dns);
  EXPECT_EQ(number(answer->entry("proto.Unknown"), "bytesSent"), of_none);
  EXPECT_EQ(number(answer->entry("ip.10.0.0.1"), "bytesSent"), sum_of(flows, host_number(1)).bytes_sent)
      << "beside keys that need a walk";
}

TEST(PointAnswer, OfAHostsPeersIsASortedSet) {
  const LiveView view = view_without_node();
  const std::vector<OneFlow> flows = flows_by_chance(3, 400);
  const auto answer = ask(view, flows, {"ip.10.0.0.4.peers"});
  const Entry& entry = answer->entry("ip.10.0.0.4.peers");
  ASSERT_EQ(entry.type, Entry::Type::SortedSet);
  std::map<std::string, int64_t> expected;
  for (const OneFlow& one : flows) {
    const auto bytes = static_cast<int64_t>(one.flow.octets + one.flow.reverse_octets);
    if (one.common.source == host_number(4)) expected[to_text(one.common.destination)] += bytes;
    if (one.common.destination == host_number(4)) expected[to_text(one.common.source)] += bytes;
  }
  EXPECT_EQ((std::map<std::string, int64_t>(entry.members.begin(), entry.members.end())), expected);
  EXPECT_TRUE(std::is_sorted(entry.members.begin(), entry.members.end(),
                             [](const auto& a, const auto& b) { return a.second < b.second; }));
}

TEST(PointAnswer, OfAFlowIsItsRecord) {
  for (const std::string realm : {"", "lab"}) {
    const LiveView view = view_without_node(realm);
    const std::vector<OneFlow> flows = flows_by_chance(4, 50);
    const auto id = community_id_of(flows[7].common);
    const std::string key = (realm.empty() ? "" : realm + "/") + "flow." + std::string(id.data(), id.size());
    const auto answer = ask(view, flows, {key, "flow.1:none"});
    const Entry& entry = answer->entry(key);
    ASSERT_EQ(entry.type, Entry::Type::Hash);
    EXPECT_EQ(number(entry, "octetDeltaCount"), flows[7].flow.octets);
    EXPECT_EQ(*entry.field("sourceIPv4Address"), to_text(flows[7].common.source));
    EXPECT_EQ(*entry.field("probeId"), "berlin");
    EXPECT_EQ(entry.field("flowEndReason"), nullptr) << "it is open";
    EXPECT_EQ(answer->entry("flow.1:none").type, Entry::Type::None);
  }
}

TEST(PointAnswer, OfTheProbeAndTheSchema) {
  const LiveView view = view_without_node("lab");
  const auto answer = ask(view, {}, {"lab/probe.berlin", "probe.berlin", "lab/probe.other", "meta.schema", "x", ""});
  EXPECT_EQ(*answer->entry("lab/probe.berlin").field("packets"), "5");
  EXPECT_EQ(answer->entry("meta.schema").text, "1");
  for (const char* none : {"probe.berlin", "lab/probe.other", "x", "", "never asked"})
    EXPECT_EQ(answer->entry(none).type, Entry::Type::None) << none;
}

/// The view of a probe that has learnt this.
struct LearntBed {
  LiveView view = view_without_node();
  LearntHosts learnt;
  explicit LearntBed(size_t most = LearntHosts::kMost) : learnt(view.seed, most) { view.learnt = &learnt; }
  void name(unsigned host, const std::string& name) { lesson(host, {name, HostSystem::Unknown}); }
  void system(unsigned host, HostSystem system) { lesson(host, {"", system}); }

 private:
  struct Lesson {
    std::string name;
    HostSystem system;
  };
  void lesson(unsigned host, const Lesson& lesson) {
    static const RecordType kType{.name = "lesson",
                                  .meaning = "lesson",
                                  .fields = {},
                                  .body_size = sizeof(Lesson),
                                  .teach = [](const RecordRef& record, HostLessons& lessons) {
                                    const Lesson& one = *static_cast<const Lesson*>(record.body);
                                    if (one.system != HostSystem::Unknown)
                                      lessons.system(record.common->source, one.system);
                                    else
                                      lessons.name(record.common->source, one.name);
                                  }};
    Common common;
    common.source = host_number(host);
    learnt.put({&kType, &common, &lesson});
  }
};

std::string field(const Entry& entry, std::string_view name) {
  const std::string* text = entry.field(name);
  return text == nullptr ? "-" : *text;
}

TEST(PointAnswer, OfAHostTellsWhatItIsLearntToBe) {
  LearntBed bed;
  std::vector<OneFlow> flows = flows_by_chance(5, 100);
  const std::vector<std::string> keys = {"ip.10.0.0.1", "ip.10.0.0.2", "ip.10.0.0.200", "ip.10.0.0.1.peers"};
  const auto plain = ask(bed.view, flows, keys);
  for (const char* none : {"name", "os", "user"}) EXPECT_EQ(field(plain->entry(keys[0]), none), "-");
  bed.name(1, "first.example");
  bed.name(1, "last.example");
  bed.system(1, HostSystem::Apple);
  bed.name(200, "silent.example");
  Common common = flows[0].common;
  common.source = host_number(2);
  common.destination = host_number(1);
  common.source_user = "ann";
  common.destination_user = "bob";
  bed.learnt.put({&kFlowRecordType, &common, &flows[0].flow});
  const auto answer = ask(bed.view, flows, keys);
  const Entry& host = answer->entry(keys[0]);
  EXPECT_EQ(field(host, "name"), "last.example");
  EXPECT_EQ(field(host, "os"), "Apple");
  EXPECT_EQ(field(host, "user"), "bob");
  EXPECT_EQ(number(host, "bytesSent"), sum_of(flows, host_number(1)).bytes_sent);
  EXPECT_EQ(field(answer->entry(keys[1]), "user"), "ann");
  EXPECT_EQ(field(answer->entry(keys[1]), "name"), "-");
  EXPECT_EQ(answer->entry(keys[2]).type, Entry::Type::None) << "a name alone is no traffic";
  EXPECT_EQ(answer->entry(keys[3]).type, Entry::Type::SortedSet);
}

TEST(PointAnswer, OfAHostTellsTheSystemThatItsOpenFlowsShow) {
  LearntBed bed;
  std::vector<OneFlow> flows = flows_by_chance(6, 40);
  for (OneFlow& one : flows) {
    one.flow.initiator_system = HostSystem::Linux;
    one.flow.slice = one.common.source == host_number(3) ? 2 : 1;
  }
  for (const std::string& key : {std::string("ip.10.0.0.1"), std::string("ip.10.0.0.3")}) {
    const auto answer = ask(bed.view, flows, {key});
    EXPECT_EQ(field(answer->entry(key), "os"), key == "ip.10.0.0.3" ? "-" : "Linux") << "slices were told before";
  }
  bed.system(1, HostSystem::Windows);
  EXPECT_EQ(field(ask(bed.view, flows, {"ip.10.0.0.1"})->entry("ip.10.0.0.1"), "os"), "Windows") << "it was told";
}

TEST(LearntHosts, AreBounded) {
  LearntBed bed(3);
  for (unsigned host = 1; host <= 5; ++host) {
    bed.name(host, "n" + std::to_string(host));
    bed.system(host, HostSystem::Linux);
  }
  for (unsigned host = 1; host <= 5; ++host) {
    const LearntHosts::Host learnt = bed.learnt.look(host_number(host));
    EXPECT_EQ(learnt.name, host <= 2 ? "" : "n" + std::to_string(host));
    EXPECT_EQ(learnt.systems.system(), host <= 2 ? HostSystem::Unknown : HostSystem::Linux);
  }
}

/// What is listed is what stands somewhere, each once, with the type that it is listed for.
TEST(Listing, NamesWhatStandsThere) {
  for (const std::string realm : {"", "lab"}) {
    const LiveView view = view_without_node(realm);
    const std::vector<OneFlow> flows = flows_by_chance(5, 200);
    const auto names = [&](const std::string& pattern, const std::string& type) {
      Listing listing(view, pattern, type);
      if (listing.question().filter) {
        for (const OneFlow& one : flows) listing.add(one.common, one.flow);
      }
      listing.finish();
      std::set<std::string> found;
      for (size_t at = 0; at < listing.found().size(); ++at)
        EXPECT_TRUE(found.insert(std::string(listing.found().name(at))).second) << "twice";
      return found;
    };
    const std::set<std::string> all = names("*", "");
    EXPECT_GT(all.size(), 200U);
    const std::vector<std::string> keys(all.begin(), all.end());
    const auto answer = ask(view, flows, keys);
    std::map<std::string_view, std::set<std::string>> by_type;
    for (const std::string& key : keys) {
      EXPECT_NE(answer->entry(key).type, Entry::Type::None) << key;
      by_type[answer->entry(key).type_name()].insert(key);
    }
    for (const char* type : {"hash", "zset", "string", "set", "stream"})
      EXPECT_EQ(names("*", type), by_type[type]) << type;
    const std::string prefix = realm.empty() ? "" : realm + "/";
    for (const std::string& pattern :
         {prefix + "ip.*", prefix + "ip.10.0.0.1", prefix + "ip.10.0.0.?", std::string("*.peers"), prefix + "flow.*",
          prefix + "port.*.5[0-2]", std::string("*.*.*"), std::string("meta.*"), std::string("nothing"),
          prefix + "[im]*", prefix + "\\ip.*", prefix + "mac.*", prefix + "vlan.?", prefix + "proto.TLS*"}) {
      const resp::Glob glob(pattern);
      std::set<std::string> expected;
      for (const std::string& key : keys) {
        if (glob.matches(key)) expected.insert(key);
      }
      EXPECT_EQ(names(pattern, ""), expected) << pattern;
      std::set<std::string> hashes;
      for (const std::string& key : expected) {
        if (by_type["hash"].contains(key)) hashes.insert(key);
      }
      EXPECT_EQ(names(pattern, "hash"), hashes) << pattern;
    }
  }
}

TEST(KeyNamesFound, AreThereOnce) {
  KeyNamesFound names(HashSeed{1, 2});
  for (int time = 0; time < 3; ++time) {
    for (int number = 0; number < 20'000; ++number) EXPECT_EQ(names.add("key." + std::to_string(number)), time == 0);
  }
  EXPECT_TRUE(names.add(""));
  EXPECT_FALSE(names.add(""));
  EXPECT_EQ(names.size(), 20'001U);
  const size_t open = names.bytes();
  names.close();
  EXPECT_LT(names.bytes(), open);
  EXPECT_EQ(names.name(0), "key.0");
  EXPECT_EQ(names.name(19'999), "key.19999");
  EXPECT_EQ(names.name(20'000), "");
}

}  // namespace
}  // namespace microcloud
