// The quick way writes what the slow one does.
#include "export/record_copier.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <tuple>

#include "export/test_bed.h"

namespace microcloud {
namespace {

const RecordType kQuickType{"flow", "flow", kTestFields, sizeof(TestFlow), {}, nullptr, fixed_writer<kTestFields>()};

class Records {
 public:
  explicit Records(unsigned seed) : random_(seed) {}

  void next() {
    common = test_common();
    if (chance()) {
      const uint8_t bytes[16] = {0x20, 0x01, 0x0d, 0xb8, some<uint8_t>()};
      common.source = IpAddress::v6(bytes);
      common.destination = IpAddress::v6(bytes);
    }
    common.source_port = some<uint16_t>();
    common.flow_id = some<uint64_t>();
    common.has_ports = chance();
    common.vlan = maybe<uint16_t>();
    common.probe_id = chance() ? "a probe" : "";
    if (chance()) common.sampling = 100;
    flow = {};
    flow.octets = some<uint64_t>();
    flow.packets = some<uint32_t>();
    flow.reverse_octets = some<uint64_t>();
    flow.reverse_packets = some<uint16_t>();
    flow.flags = maybe<uint8_t>();
    if (chance()) flow.flags = some<uint16_t>();
    flow.reverse_flags = maybe<uint16_t>();
    flow.tos = some<uint8_t>();
    flow.ingress = maybe<uint32_t>();
    if (chance()) flow.name.assign(std::string(random_() % 400, 'n'));
    flow.list.count = chance() ? static_cast<uint8_t>(random_() % 4) : uint8_t{0};
    for (uint8_t at = 0; at < flow.list.count; ++at) flow.list.items[at] = some<uint16_t>();
    derived = {some<uint32_t>(), some<uint32_t>(), some<uint32_t>(), some<uint8_t>(), some<uint8_t>()};
  }

  Common common;
  TestFlow flow;
  Derived derived;

 private:
  bool chance() { return random_() % 2 == 0; }
  template <typename Number>
  Number some() {
    return static_cast<Number>(uint64_t{random_()} << 32 | random_());
  }
  template <typename Number>
  std::optional<Number> maybe() {
    return chance() ? std::optional(some<Number>()) : std::nullopt;
  }
  std::mt19937 random_;
};

struct Case {
  ExportProtocol protocol;
  bool pen;
  const char* names;  // of -T; null: the default
  bool quick_type;
};

class RecordCopierTest : public testing::TestWithParam<Case> {};

TEST_P(RecordCopierTest, WritesWhatThePlanWrites) {
  constexpr size_t kLongest = 1000;
  const Case& of = GetParam();
  const RecordType& type = of.quick_type ? kQuickType : kTestType;
  const RecordType* const types[] = {&type};
  Numbering numbering;
  numbering.protocol = of.protocol;
  if (of.pen) numbering.pen = 32473;
  const Template columns = of.names != nullptr ? parse_template(of.names, type, types, numbering)
                                               : default_template(type, numbering, nullptr);
  const RecordPlan plan(type, columns, numbering);
  RecordImage image(type);
  RecordCopier copier(plan, image);

  struct Known {
    ColumnSet columns;
    RecordCopier::Steps steps;
  };
  const auto before = [](const RecordCopier::Key& a, const RecordCopier::Key& b) {
    return std::tie(a.common, a.body, a.more) < std::tie(b.common, b.body, b.more);
  };
  std::map<RecordCopier::Key, Known, decltype(before)> known(before);
  Records records(7);
  unsigned quick = 0;
  for (unsigned count = 0; count < 20'000; ++count) {
    records.next();
    const RecordRef record{&type, &records.common, &records.flow};
    const auto direction = static_cast<Direction>(count % static_cast<unsigned>(Direction::kCount));
    image.read(record, plan.every_column());
    image.read(records.derived);
    const auto key = copier.look(direction);
    if (!key) continue;
    ++quick;
    std::string slow(plan.largest(kLongest), 'x');
    const auto written = plan.write(record, records.derived, direction, kLongest, false, slow.data());
    slow.resize(written.size);
    const auto [at, fresh] = known.try_emplace(*key);
    if (fresh) at->second = {written.columns, copier.steps(written.columns, direction)};
    ASSERT_EQ(at->second.columns, written.columns) << "records of one key have the same columns";
    const size_t size = copier.size(at->second.steps, record);
    std::string copied(size + RecordCopier::kSlack, 'y');
    const bool whole = copier.copy(at->second.steps, copied.data());
    copied.resize(size);
    ASSERT_EQ(hex(copied), hex(slow)) << count;
    ASSERT_EQ(whole, !written.shortened);
  }
  EXPECT_EQ(quick > 0, of.names == nullptr || std::string_view(of.names).find("list") == std::string_view::npos);
  if (quick > 0) {
    EXPECT_GT(known.size(), 5U);
    EXPECT_GT(quick, known.size() * 4) << "most records are like one before";
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, RecordCopierTest,
                         testing::Values(Case{ExportProtocol::Ipfix, false, nullptr, true},
                                         Case{ExportProtocol::Ipfix, false, nullptr, false},
                                         Case{ExportProtocol::Ipfix, true, nullptr, true},
                                         Case{ExportProtocol::NetflowV9, false, nullptr, true},
                                         Case{ExportProtocol::NetflowV9, false,
                                              "%L4_SRC_PORT %NAME %IN_BYTES %OUT_PKTS %TCP_FLAGS", true},
                                         Case{ExportProtocol::Ipfix, true,
                                              "%IPV4_SRC_ADDR probeId %NAME %TCP_FLAGS %SERVER_TCP_FLAGS", true},
                                         Case{ExportProtocol::Ipfix, true, "%IPV4_SRC_ADDR %IN_BYTES list", true}));

TEST(RecordImage, HoldsEachValueAtItsPlace) {
  for (const RecordType* type : {&kTestType, &kQuickType}) {
    RecordImage image(*type);
    const auto place = [&](std::string_view name) {
      const auto column = find_column(*type, name);
      return image.place(*column->field, column->part);
    };
    Records records(1);
    records.common = test_common();
    records.flow.ingress = 7;
    image.read({type, &records.common, &records.flow}, true);
    const auto number = [&](std::string_view name) {
      return image.number(image.number_at(*find_column(*type, name)->field));
    };
    EXPECT_EQ(number("octetDeltaCount"), 1000U);
    EXPECT_EQ(number("ingressInterface"), 7U);
    EXPECT_EQ(number("ipClassOfService"), 0U);
    EXPECT_FALSE(image.has(*place("tcpControlBits")));
    EXPECT_EQ(number("tcpControlBits"), 0U);
    EXPECT_EQ(image.number({}), 0U);
    EXPECT_FALSE(place("name")) << "has no fixed size";
  }
}

}  // namespace
}  // namespace microcloud
