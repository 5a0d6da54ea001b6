// For tests: flows by chance, and what a plain look at all of them says of a key.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "query/live_view.h"
#include "query/wanted_flows.h"

namespace microcloud {

struct OneFlow {
  Common common;
  FlowRecord flow;
  RecordRef record() const { return {&kFlowRecordType, &common, &flow}; }
  FlowKey key() const {
    FlowKey key;
    const bool source_is_low = common.source.bytes <= common.destination.bytes;
    key.low = (source_is_low ? common.source : common.destination).bytes;
    key.high = (source_is_low ? common.destination : common.source).bytes;
    key.low_port = source_is_low ? common.source_port : common.destination_port;
    key.high_port = source_is_low ? common.destination_port : common.source_port;
    key.protocol = common.protocol;
    key.version = common.source.version;
    return key;
  }
};

inline IpAddress host_number(unsigned number) {
  const uint8_t bytes[] = {10, 0, 0, static_cast<uint8_t>(number)};
  return IpAddress::v4(bytes);
}

inline Mac mac_number(unsigned number) {
  Mac mac;
  mac.bytes[0] = 2;
  mac.bytes[5] = static_cast<uint8_t>(number);
  return mac;
}

inline std::vector<OneFlow> flows_by_chance(unsigned seed, size_t count) {
  static constexpr std::string_view kNames[] = {"DNS", "TLS.YouTube", "HTTP"};
  std::mt19937 random(seed);
  const auto some = [&](unsigned many) { return static_cast<unsigned>(random() % many); };
  std::vector<OneFlow> flows(count);
  for (OneFlow& one : flows) {
    const unsigned source = 1 + some(12), destination = 1 + (source + some(11)) % 12;
    one.common.source = host_number(source);
    one.common.destination = host_number(destination);
    one.common.protocol = some(2) == 0 ? 6 : 17;
    one.common.has_ports = true;
    one.common.source_port = static_cast<uint16_t>(40'000 + some(20'000));
    one.common.destination_port = static_cast<uint16_t>(50 + some(5));
    if (some(3) == 0) one.common.vlan = static_cast<uint16_t>(1 + some(3));
    one.flow.vlan = one.common.vlan;
    one.flow.start = Milliseconds{1'700'000'000'000 + some(1'000)};
    one.flow.end = Milliseconds{one.flow.start.value + some(1'000)};
    one.flow.octets = 20 + some(2'000);
    one.flow.packets = 1 + some(9);
    one.flow.reverse_packets = some(3);
    one.flow.reverse_octets = one.flow.reverse_packets * 40;
    one.flow.source_mac = mac_number(source);
    one.flow.destination_mac = mac_number(destination);
    if (some(2) == 0) one.flow.application = kNames[some(3)];
  }
  return flows;
}

inline LiveView view_without_node(const std::string& realm = "") {
  LiveView view;
  view.accounting.realm = realm;
  view.probe_id = "berlin";
  view.heartbeat = [] { return std::vector<std::pair<std::string, std::string>>{{"packets", "5"}}; };
  view.seed = HashSeed{7, 8};
  return view;
}

}  // namespace microcloud
