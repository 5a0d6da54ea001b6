// The elements of a flow's record, and a whole one as it leaves.
#include "flow/flow_record.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "flow/flow_test_bed.h"
#include "record/catalogue.h"
#include "record/json.h"

namespace microcloud {
namespace {

std::vector<Field> all_fields() {
  std::vector<Field> all(common_fields().begin(), common_fields().end());
  all.insert(all.end(), kFlowRecordType.fields.begin(), kFlowRecordType.fields.end());
  return all;
}

TEST(FlowElements, EachNameStandsOnce) {
  std::set<std::string_view> names;
  for (const Field& field : all_fields()) EXPECT_TRUE(names.insert(field.name).second) << field.name;
}

TEST(FlowElements, EachNumberStandsOnceUnderItsPen) {
  std::set<std::pair<uint32_t, uint16_t>> numbers;
  std::set<uint16_t> v9;
  std::set<std::string_view> labels;
  for (const Field& field : all_fields()) {
    EXPECT_NE(field.element.id, 0) << field.name;
    EXPECT_LT(field.element.id, 0x8000) << field.name << ": the highest bit tells of an enterprise number";
    EXPECT_TRUE(numbers.insert({field.element.pen, field.element.id}).second) << field.name;
    if (field.element.v9 != 0) {
      EXPECT_TRUE(v9.insert(field.element.v9).second) << field.name;
    }
    if (!field.element.label.empty()) {
      EXPECT_TRUE(labels.insert(field.element.label).second) << field.name;
    }
    EXPECT_FALSE(field.meaning.empty()) << field.name;
  }
}

TEST(FlowElements, NumbersAndTypesAreThoseOfTheIanaRegistry) {
  // https://www.iana.org/assignments/ipfix
  const std::map<std::string_view, std::pair<unsigned, DataType>> registry = {
      {"octetDeltaCount", {1, DataType::Unsigned64}},
      {"packetDeltaCount", {2, DataType::Unsigned64}},
      {"protocolIdentifier", {4, DataType::Unsigned8}},
      {"ipClassOfService", {5, DataType::Unsigned8}},
      {"tcpControlBits", {6, DataType::Unsigned16}},
      {"sourceTransportPort", {7, DataType::Unsigned16}},
      {"sourceIPv4Address", {8, DataType::Ipv4}},
      {"ingressInterface", {10, DataType::Unsigned32}},
      {"destinationTransportPort", {11, DataType::Unsigned16}},
      {"destinationIPv4Address", {12, DataType::Ipv4}},
      {"egressInterface", {14, DataType::Unsigned32}},
      {"sourceIPv6Address", {27, DataType::Ipv6}},
      {"destinationIPv6Address", {28, DataType::Ipv6}},
      {"icmpTypeCodeIPv4", {32, DataType::Unsigned16}},
      {"samplingInterval", {34, DataType::Unsigned32}},
      {"sourceMacAddress", {56, DataType::MacAddress}},
      {"vlanId", {58, DataType::Unsigned16}},
      {"mplsTopLabelStackSection", {70, DataType::OctetArray}},
      {"destinationMacAddress", {80, DataType::MacAddress}},
      {"applicationName", {96, DataType::String}},
      {"flowEndReason", {136, DataType::Unsigned8}},
      {"icmpTypeCodeIPv6", {139, DataType::Unsigned16}},
      {"flowId", {148, DataType::Unsigned64}},
      {"flowStartMilliseconds", {152, DataType::Milliseconds}},
      {"flowEndMilliseconds", {153, DataType::Milliseconds}},
      {"dot1qVlanId", {243, DataType::Unsigned16}},
      {"dot1qCustomerVlanId", {245, DataType::Unsigned16}},
      {"userName", {371, DataType::String}},
      {"applicationCategoryName", {372, DataType::String}},
  };
  size_t found = 0;
  for (const Field& field : all_fields()) {
    const auto entry = registry.find(field.name);
    EXPECT_EQ(entry != registry.end(), field.element.pen == pen::kIana) << field.name;
    if (entry == registry.end()) continue;
    ++found;
    EXPECT_EQ(field.element.id, entry->second.first) << field.name;
    EXPECT_EQ(field.type, entry->second.second) << field.name;
  }
  EXPECT_EQ(found, registry.size());
}

TEST(FlowElements, ReverseElementsHaveTheNumberOfTheForwardOnes) {
  std::map<std::string, uint16_t> forward;
  for (const Field& field : all_fields()) {
    if (field.element.pen == pen::kIana) forward[std::string(field.name)] = field.element.id;
  }
  int reverse = 0;
  for (const Field& field : all_fields()) {
    if (field.element.pen != pen::kReverse) continue;
    ++reverse;
    std::string name(field.name.substr(7));
    name[0] = static_cast<char>(name[0] - 'A' + 'a');
    EXPECT_EQ(field.name.substr(0, 7), "reverse");
    EXPECT_EQ(field.element.id, forward[name]) << field.name;
  }
  EXPECT_EQ(reverse, 3);
}

TEST(FlowElements, SchemaAndListNameThemAll) {
  const RecordType* types[] = {&kFlowRecordType};
  const std::string schema = catalogue_schema(types);
  const std::string page = catalogue_markdown(types);
  for (const Field& field : all_fields()) {
    EXPECT_NE(schema.find("\"" + std::string(field.name) + "\":{"), std::string::npos) << field.name;
    EXPECT_NE(page.find("| `" + std::string(field.name) + "` |"), std::string::npos) << field.name;
  }
}

std::string json(const Told& told) {
  JsonWriter writer;
  std::string line;
  writer.append({&kFlowRecordType, &told.common, &told.flow}, line);
  return line;
}

TEST(FlowRecord, OfATunnelledTcpConnectionAsJson) {
  FlowBed bed({.interfaces = {3}});
  const auto frame = [](bool forth, uint8_t flags, uint32_t seq, const std::string& payload) {
    tools::Packet outer =
        forth ? tools::Packet().eth("02:00:00:00:00:0a", "02:00:00:00:00:0b").vlan(5).ipv4("192.0.2.1", "192.0.2.2")
              : tools::Packet().eth("02:00:00:00:00:0b", "02:00:00:00:00:0a").vlan(5).ipv4("192.0.2.2", "192.0.2.1");
    outer.gre({.key = 9});
    if (forth)
      return outer.ipv6("2001:db8::9", "2001:db8::1", {.traffic_class = 8})
          .tcp(40000, 443, {.seq = seq, .flags = flags})
          .payload(payload);
    return outer.ipv6("2001:db8::1", "2001:db8::9").tcp(443, 40000, {.seq = seq, .flags = flags}).payload(payload);
  };
  bed.frame(0, frame(true, tools::kSyn, 1, ""), {.port = 1});
  bed.frame(10 * kMs, frame(false, tools::kSyn | tools::kAck, 100, ""));
  bed.frame(12 * kMs, frame(true, tools::kAck, 2, "hello"));
  bed.frame(40 * kMs, frame(false, tools::kAck | tools::kFin, 101, "world!"));
  bed.frame(41 * kMs, frame(true, tools::kAck | tools::kFin, 7, ""));
  bed.finish();
  EXPECT_EQ(
      json(bed.only()),
      R"({"record":"flow","sourceIPv6Address":"2001:db8::9","destinationIPv6Address":"2001:db8::1","sourceTransportPort":40000,)"
      R"("destinationTransportPort":443,"protocolIdentifier":6,"flowId":1000,"vlanId":5,)"
      R"("communityId":"1:F1p7k0rr6OaEkd5jXFwF7TkkKYk=","flowStartMilliseconds":1700000000000,"flowEndMilliseconds":1700000000041,)"
      R"("octetDeltaCount":185,"packetDeltaCount":3,"reverseOctetDeltaCount":126,"reversePacketDeltaCount":2,)"
      R"("tcpControlBits":19,"reverseTcpControlBits":19,"flowEndReason":3,"ipClassOfService":8,"sourceMacAddress":"02:00:00:00:00:0a",)"
      R"("destinationMacAddress":"02:00:00:00:00:0b","flowSlice":1,"ingressInterface":3,"dot1qVlanId":5,"tunnelTypes":["vlan","gre"],)"
      R"("tunnelSourceIPv4Address":"192.0.2.1","tunnelDestinationIPv4Address":"192.0.2.2","tunnelId":9,)"
      R"("clientNetworkLatencyMicroseconds":1000,"serverNetworkLatencyMicroseconds":5000,"applicationLatencyMicroseconds":18000,)"
      R"("tcpRetransmittedPackets":0,"tcpOutOfOrderPackets":0})"
      "\n");
}

/// Exports ask the one and write what the other gives (export/record_copier.h).
TEST(FlowRecord, RowsOfVariableSizeAreThereWhenTheyHaveAValue) {
  FlowRecord empty;
  FlowRecord full;
  full.tunnels.push({});
  full.application = full.application_category = full.application_confidence = "x";
  full.risks = {.bits = 1, .name = [](unsigned) { return std::string_view("risk"); }};
  full.server_name.assign("x");
  size_t rows = 0;
  for (const Field& row : kFlowRecordType.fields) {
    EXPECT_EQ(row.has == nullptr, row.write != nullptr) << row.name;
    if (row.has == nullptr) continue;
    ++rows;
    for (const auto& [flow, there] : {std::pair(&empty, false), {&full, true}}) {
      Scratch scratch;
      EXPECT_EQ(row.has(flow), there) << row.name;
      EXPECT_EQ(row.read(flow, scratch).kind != Value::Kind::Absent, there) << row.name;
    }
  }
  EXPECT_EQ(rows, 6U);
}

TEST(FlowRecord, TimesBefore1970AreRoundedDown) {
  EXPECT_EQ(told_alone(Decoded(udp(true, 1)), -1).flow.start.value, -1);
}

}  // namespace
}  // namespace microcloud
