// The bytes of NetFlow v5.
#include "export/v5_exporter.h"

#include "export/test_bed.h"

namespace microcloud {
namespace {

class V5ExporterTest : public testing::Test {
 protected:
  void SetUp() override {
    settings_.numbering.protocol = ExportProtocol::NetflowV5;
    settings_.domain = 0x0102;
    exporter_ = make_exporter(settings_, link_);
  }
  void put(const TestFlow& flow) { exporter_->put({&kTestType, &common_, &flow}); }

  ExportSettings settings_;
  Common common_ = test_common();
  KeepingLink link_;
  std::unique_ptr<Exporter> exporter_;
};

TEST_F(V5ExporterTest, TwoRecordsAFlow) {
  TestFlow flow;
  flow.flags = 0x02;
  flow.reverse_flags = 0x12;
  flow.ingress = 9;
  put(flow);
  exporter_->flush({});
  ASSERT_EQ(link_.messages.size(), 1U);
  EXPECT_EQ(hex(link_.messages[0]),
            hex(bytes("0005 0002 0036f268 3b9aca01 00000000 00000000 0102 0000"
                      "0a000001 0a000002 00000000 0009 0000 0000000a 000003e8 0036ee80 0036f45c 0fa0 0035 00 02 11 00"
                      "0000 0000 0000 0000"
                      "0a000002 0a000001 00000000 0009 0000 00000014 000007d0 0036ee80 0036f45c 0035 0fa0 00 12 11 00"
                      "0000 0000 0000 0000")));
}

TEST_F(V5ExporterTest, SequenceCountsFlowsAndAMessageHoldsThirty) {
  TestFlow flow;
  flow.reverse_packets = 0;
  for (int count = 0; count < 31; ++count) put(flow);
  exporter_->flush({});
  ASSERT_EQ(link_.messages.size(), 2U);
  EXPECT_EQ(link_.messages[0].size(), 24U + 30 * 48);
  EXPECT_EQ(hex(link_.messages[1].substr(16, 4)), "0000001e");
}

TEST_F(V5ExporterTest, LargeCountersAreToldInPieces) {
  TestFlow flow;
  flow.reverse_packets = 0;
  flow.octets = 0x1'0000'0001;
  flow.packets = 3;
  put(flow);
  exporter_->flush({});
  ASSERT_EQ(link_.messages.size(), 1U);
  EXPECT_EQ(hex(link_.messages[0].substr(24 + 16, 8)), "0000000280000001");
  EXPECT_EQ(hex(link_.messages[0].substr(72 + 16, 8)), "0000000180000000");
}

/// What a collector makes of a message's header and the first or last uptime of its first record.
int64_t absolute_ms(const std::string& message, size_t at) {
  const auto number = [&](size_t offset) { return std::stoll(hex(message.substr(offset, 4)), nullptr, 16); };
  return number(8) * 1000 - number(4) + number(24 + at);
}

TEST_F(V5ExporterTest, RecordOfYearsKeepsItsEndAndStartsAsEarlyAs32BitsTell) {
  TestFlow flow, after;
  flow.reverse_packets = after.reverse_packets = 0;
  flow.start.value -= 86'400'000LL * 347;
  after.start.value += 10'000;
  after.end.value += 10'000;
  put(flow);
  put(after);
  exporter_->flush({});
  ASSERT_EQ(link_.messages.size(), 2U);
  EXPECT_EQ(absolute_ms(link_.messages[0], 28), flow.end.value);
  EXPECT_NEAR(static_cast<double>(absolute_ms(link_.messages[0], 24)), static_cast<double>(flow.end.value - 0xffffffff),
              1000);
  EXPECT_EQ(absolute_ms(link_.messages[1], 24), after.start.value) << "the next one is told as ever";
  EXPECT_EQ(absolute_ms(link_.messages[1], 28), after.end.value);
  EXPECT_EQ(link_.counters().clipped.get(), 1U);
  EXPECT_EQ(link_.counters().offered.get(), link_.counters().sent.get());
}

TEST_F(V5ExporterTest, LiveAnOldRecordKeepsItsTimes) {
  settings_.live = true;
  exporter_ = make_exporter(settings_, link_);
  TestFlow flow;  // of 2001
  put(flow);
  exporter_->flush({});
  ASSERT_EQ(link_.messages.size(), 1U);
  EXPECT_EQ(absolute_ms(link_.messages[0], 24), flow.start.value);
  EXPECT_EQ(absolute_ms(link_.messages[0], 28), flow.end.value);
  EXPECT_EQ(link_.counters().clipped.get(), 0U);
}

TEST_F(V5ExporterTest, WhatV5CannotTellIsCounted) {
  common_.source = common_.destination = IpAddress::v6(std::array<uint8_t, 16>{}.data());
  put(TestFlow{});
  exporter_->finish();
  EXPECT_TRUE(link_.messages.empty());
  EXPECT_EQ(link_.counters().lost.get(ExportLoss::NotInV5), 1U);
  EXPECT_EQ(link_.counters().lost_packets.get(), 30U);
}

}  // namespace
}  // namespace microcloud
