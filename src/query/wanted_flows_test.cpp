#include "query/wanted_flows.h"

#include "query/query_test_bed.h"

namespace microcloud {
namespace {

/// What the key says of the flow, each for itself.
bool tells_of(const std::string& key, const OneFlow& one) {
  const KeyTarget target = parse_key(key, "");
  switch (target.kind) {
    case KeyTarget::Kind::Host:
    case KeyTarget::Kind::HostSet:
      return one.common.source == target.host || one.common.destination == target.host;
    case KeyTarget::Kind::Port:
      return one.common.protocol == target.protocol && one.common.destination_port == target.number;
    case KeyTarget::Kind::Vlan:
      return one.common.vlan == target.number;
    case KeyTarget::Kind::Mac:
      return one.flow.source_mac == target.mac || one.flow.destination_mac == target.mac;
    case KeyTarget::Kind::Application:
      return one.flow.application.value_or("Unknown") == target.name;
    case KeyTarget::Kind::Flow: {
      const auto id = community_id_of(one.common);
      return target.name == std::string_view(id.data(), id.size());
    }
    default:
      return false;
  }
}

TEST(WantedFlows, AreThoseOfWhichSomeKeyTells) {
  const std::vector<OneFlow> flows = flows_by_chance(1, 500);
  const auto id = community_id_of(flows[3].common);
  const std::vector<std::vector<std::string>> questions = {
      {"ip.10.0.0.3"},
      {"port.tcp.52", "port.udp.53"},
      {"vlan.2"},
      {"mac.02:00:00:00:00:05"},
      {"proto.DNS", "proto.Unknown"},
      {"flow." + std::string(id.data(), id.size())},
      {"ip.10.0.0.2.peers", "port.udp.50", "vlan.1", "proto.HTTP", "mac.02:00:00:00:00:07"},
      {"vlan.99"},
      {"nothing"}};
  for (const std::vector<std::string>& keys : questions) {
    std::vector<KeyTarget> targets;
    for (const std::string& key : keys) targets.push_back(parse_key(key, ""));
    const WantedFlows wanted(targets);
    size_t taken = 0;
    for (const OneFlow& one : flows) {
      const bool tells = std::any_of(keys.begin(), keys.end(), [&](const auto& key) { return tells_of(key, one); });
      EXPECT_EQ(wanted.takes(one.common, one.flow), tells) << keys.front();
      EXPECT_TRUE(!tells || wanted.may_take(one.key())) << keys.front();
      taken += tells ? 1 : 0;
    }
    EXPECT_LT(taken, flows.size());
    EXPECT_EQ(taken > 0, keys.front() != "vlan.99" && keys.front() != "nothing") << keys.front();
  }
}

TEST(WantedFlows, OfPortsAndHostsTheKeyAloneSaysWhatIsNotWanted) {
  const std::vector<OneFlow> flows = flows_by_chance(2, 500);
  const WantedFlows wanted({parse_key("port.tcp.52", ""), parse_key("ip.10.0.0.1", "")});
  size_t left_out = 0;
  for (const OneFlow& one : flows) left_out += wanted.may_take(one.key()) ? 0 : 1;
  EXPECT_GT(left_out, 250U);
}

TEST(WantedFlows, OfHostsWithoutKeysAreAll) {
  const std::vector<OneFlow> flows = flows_by_chance(3, 20);
  const WantedFlows wanted({parse_key("ip.other4", "")});
  for (const OneFlow& one : flows) EXPECT_TRUE(wanted.may_take(one.key()) && wanted.takes(one.common, one.flow));
}

}  // namespace
}  // namespace microcloud
