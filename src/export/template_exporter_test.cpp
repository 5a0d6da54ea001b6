// The bytes of NetFlow v9 and IPFIX messages, held against the layouts of RFC 3954, 7011, 5103, 6313 and 5610.
#include "export/template_exporter.h"

#include "export/test_bed.h"

namespace microcloud {
namespace {

class TemplateExporterTest : public testing::Test {
 protected:
  void use(ExportProtocol protocol, std::string_view columns, bool uniflow = false) {
    settings_.numbering.protocol = protocol;
    settings_.numbering.uniflow = uniflow;
    settings_.types = kTestTypes;
    settings_.domain = 0x0a0b0c0d;
    if (!columns.empty())
      settings_.templates.emplace_back(&kTestType, parse_template(columns, kTestType, kTestTypes, settings_.numbering));
  }
  /// The messages of these flows; those of the opening and of the closing statistics are left out.
  std::vector<std::string> messages(const std::vector<TestFlow>& flows) {
    exporter_ = make_exporter(settings_, link_);
    const Common common = common_;
    exporter_->foresee({&kTestType, &common, &flows.front()});
    link_.start(*exporter_);
    const size_t opening = link_.messages.size();
    for (const TestFlow& flow : flows) exporter_->put({&kTestType, &common, &flow});
    exporter_->flush(std::chrono::steady_clock::now());
    return {link_.messages.begin() + static_cast<ptrdiff_t>(opening), link_.messages.end()};
  }

  ExportSettings settings_;
  Common common_ = test_common();
  KeepingLink link_;
  std::unique_ptr<Exporter> exporter_;
};

std::string field_at(const std::string& message, size_t at, size_t size) {
  return hex(message.substr(at, size));
}

TEST_F(TemplateExporterTest, IpfixTemplateAndBiflow) {
  use(ExportProtocol::Ipfix, "%IPV4_SRC_ADDR %L4_SRC_PORT %IN_BYTES %OUT_BYTES %FIRST_SWITCHED");
  const auto found = messages({TestFlow{}});
  ASSERT_EQ(found.size(), 2U);
  // Header: version, length, export time, sequence (two records: statistics, a type), domain. Then the template set.
  EXPECT_EQ(hex(found[0]), hex(bytes("000a 0034 3b9aca01 00000002 0a0b0c0d"
                                     "0002 0024 0105 0006"
                                     "0008 0004  0007 0002  0001 0008  8001 0008 00007279  0098 0008  001b 0010")));
  EXPECT_EQ(hex(found[1]), hex(bytes("000a 0042 3b9aca01 00000002 0a0b0c0d"
                                     "0105 0032 0a000001 0fa0 00000000000003e8 00000000000007d0 000000e8d4a51000"
                                     "00000000000000000000000000000000")));
}

TEST_F(TemplateExporterTest, NoReverseElementsInAOneWayFlow) {
  use(ExportProtocol::Ipfix, "%IN_BYTES %OUT_BYTES");
  TestFlow flow;
  flow.reverse_packets = flow.reverse_octets = 0;
  const auto found = messages({flow});
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(hex(found[0].substr(16)), hex(bytes("0002 000c 0105 0001 0001 0008")));
}

TEST_F(TemplateExporterTest, UniflowSwapsTheEnds) {
  use(ExportProtocol::Ipfix, "%IPV4_SRC_ADDR %L4_DST_PORT %IN_BYTES %IN_PKTS %BIFLOW_DIRECTION", true);
  const auto found = messages({TestFlow{}});
  ASSERT_EQ(found.size(), 2U);
  const std::string v6(32, '0');
  EXPECT_EQ(hex(found[1].substr(20)), hex(bytes("0a000001 0035 00000000000003e8 000000000000000a 01")) + v6 +
                                          hex(bytes("0a000002 0fa0 00000000000007d0 0000000000000014 02")) + v6);
  EXPECT_EQ(link_.counters().sent.get(), 1U) << "records of the probe";
  EXPECT_EQ(link_.counters().data_records.get(), 2U);
}

TEST_F(TemplateExporterTest, V9HeaderUptimeAndPadding) {
  use(ExportProtocol::NetflowV9, "%L4_SRC_PORT %FIRST_SWITCHED %LAST_SWITCHED %TCP_FLAGS %NAME");
  TestFlow flow;
  flow.reverse_packets = 0;
  flow.flags = 0x1b;
  flow.name.assign("abc");
  const auto found = messages({flow});
  ASSERT_EQ(found.size(), 2U);
  // count 1; uptime: an hour and the second that the header tells; sequence counts messages
  EXPECT_EQ(hex(found[0]), hex(bytes("0009 0001 0036f268 3b9aca01 00000001 0a0b0c0d"
                                     "0000 001c 0105 0005 0007 0002 0016 0004 0015 0004 0006 0001 e1ac 0040")));
  EXPECT_EQ(hex(found[1]), hex(bytes("0009 0001 0036f268 3b9aca01 00000002 0a0b0c0d"
                                     "0105 0050 0fa0 0036ee80 0036f45c 1b 616263")) +
                               std::string(122, '0') + "00");
}

TEST_F(TemplateExporterTest, TextAndListHaveTheirLengths) {
  settings_.numbering.pen = 32473;
  use(ExportProtocol::Ipfix, "%NAME list");
  TestFlow flow;
  flow.reverse_packets = 0;
  flow.name.assign(std::string(300, 'x'));
  flow.list.push(5);
  flow.list.push(6);
  const auto found = messages({flow});
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(hex(found[0].substr(16)), hex(bytes("0002 0014 0105 0002 812c ffff 00008b30 0123 ffff")));
  EXPECT_EQ(hex(found[1].substr(20)),
            "ff012c" + hex(std::string(300, 'x')) + hex(bytes("ff 000d 04 8007 0002 00007ed9 0005 0006")));
}

TEST_F(TemplateExporterTest, FlagsBeyondEightBitsTakeTwoOctets) {
  use(ExportProtocol::Ipfix, "%TCP_FLAGS");
  TestFlow narrow, wide, none;
  narrow.flags = 0xff;
  wide.flags = 0x112;
  narrow.reverse_packets = wide.reverse_packets = none.reverse_packets = 0;
  const auto found = messages({narrow, wide, none});
  ASSERT_EQ(found.size(), 4U);
  EXPECT_EQ(hex(found[0].substr(20)), hex(bytes("0105 0001 0006 0001")));
  EXPECT_EQ(hex(found[1].substr(20)), hex(bytes("0106 0001 0006 0002")));
  EXPECT_EQ(hex(found[2].substr(20)), "ff00") << "two records";
  EXPECT_EQ(hex(found[3].substr(20)), "0112");
}

TEST_F(TemplateExporterTest, ADefaultRecordHasWhatIsKnown) {
  use(ExportProtocol::Ipfix, "");
  TestFlow with, without;
  with.ingress = 7;
  const auto found = messages({with, without, with, without});
  ASSERT_EQ(found.size(), 4U) << "two templates, a message for each";
  EXPECT_NE(found[0].find(bytes("000a 0004")), std::string::npos);
  EXPECT_EQ(found[1].find(bytes("000a 0004"), 16), std::string::npos);
}

TEST_F(TemplateExporterTest, SequenceCountsDataRecordsAndWraps) {
  use(ExportProtocol::Ipfix, "%IN_BYTES");
  link_.session().sequence = 0xfffffffd;
  TestFlow flow;
  flow.reverse_packets = 0;
  const auto found = messages(std::vector<TestFlow>(400, flow));
  ASSERT_EQ(found.size(), 4U);
  EXPECT_EQ(field_at(found[0], 8, 4), "ffffffff") << "statistics and a type were two";
  EXPECT_EQ(field_at(found[1], 8, 4), "ffffffff") << "a template counts nothing";
  const size_t first = (found[1].size() - 20) / 8;
  EXPECT_EQ(field_at(found[2], 8, 4), hex(bytes("000000")) + hex(std::string(1, static_cast<char>(first - 1))));
  for (const std::string& message : found) EXPECT_LE(message.size(), 1400U);
}

TEST_F(TemplateExporterTest, ARecordThatIsTooLongIsShortenedAndCounted) {
  KeepingLink small(200);
  use(ExportProtocol::Ipfix, "%IN_BYTES %NAME");
  TestFlow flow;
  flow.reverse_packets = 0;
  flow.name.assign(std::string(400, 'x'));
  exporter_ = make_exporter(settings_, small);
  exporter_->put({&kTestType, &common_, &flow});
  exporter_->flush({});
  ASSERT_EQ(small.messages.size(), 1U);
  EXPECT_LE(small.messages[0].size(), 200U);
  EXPECT_GT(small.messages[0].size(), 80U);
  EXPECT_EQ(small.counters().shortened.get(), 1U);
}

TEST_F(TemplateExporterTest, TimesThatUptimesCannotTellRestartTheClock) {
  use(ExportProtocol::NetflowV9, "%FIRST_SWITCHED");
  TestFlow now, earlier;
  now.reverse_packets = earlier.reverse_packets = 0;
  earlier.start.value -= 86'400'000LL * 365;
  earlier.end = earlier.start;
  const auto found = messages({now, earlier});
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(field_at(found[1], 8, 4), "3b9aca01");
  EXPECT_EQ(field_at(found[2], 8, 4), "39b99680");
  EXPECT_EQ(field_at(found[2], 24, 4), "0036ee80");
}

TEST_F(TemplateExporterTest, RecordOfYearsKeepsItsEndAndStartsAsEarlyAs32BitsTell) {
  use(ExportProtocol::NetflowV9, "%FIRST_SWITCHED %LAST_SWITCHED");
  TestFlow flow;
  flow.reverse_packets = 0;
  flow.start.value -= 86'400'000LL * 347;
  const auto found = messages({flow});
  ASSERT_EQ(found.size(), 2U);
  const auto number = [&](size_t at) { return std::stoll(hex(found[1].substr(at, 4)), nullptr, 16); };
  EXPECT_EQ(number(8) * 1000 - number(4) + number(28), flow.end.value);
  EXPECT_LT(number(24), 1000);
  EXPECT_EQ(link_.counters().clipped.get(), 1U);
}

TEST_F(TemplateExporterTest, InIpfixARecordOfYearsIsTold) {
  use(ExportProtocol::Ipfix, "%FLOW_START_MILLISECONDS %FLOW_END_MILLISECONDS");
  TestFlow flow;
  flow.reverse_packets = 0;
  flow.start.value -= 86'400'000LL * 347;
  const auto found = messages({flow});
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(std::stoll(hex(found[1].substr(20, 8)), nullptr, 16), flow.start.value);
  EXPECT_EQ(std::stoll(hex(found[1].substr(28, 8)), nullptr, 16), flow.end.value);
  EXPECT_EQ(link_.counters().clipped.get(), 0U);
}

TEST_F(TemplateExporterTest, TypesOfEnterpriseElements) {
  settings_.numbering.pen = 32473;
  use(ExportProtocol::Ipfix, "%IN_BYTES");
  messages({TestFlow{}});
  ASSERT_FALSE(link_.messages.empty());
  const std::string& opening = link_.messages.front();
  EXPECT_NE(
      opening.find(bytes(
          "0104 0009 0002  015a 0004 012f 0002 0153 0001 0158 0001 0159 0002 0156 0008 0157 0008 0155 ffff 0154 ffff")),
      std::string::npos);
  EXPECT_NE(opening.find(bytes("00008b30 012c 0d 00 0000 0000000000000000 0000000000000000 04") + "name" + bytes("06") +
                         "a name"),
            std::string::npos);
  EXPECT_NE(opening.find(bytes("00007ed9 0007 02 00 0000 0000000000000000 0000000000000000 04") + "list"),
            std::string::npos)
      << "of its items";
}

TEST_F(TemplateExporterTest, TheEndHasTheStatisticsAndNoTypes) {
  settings_.numbering.pen = 32473;
  use(ExportProtocol::Ipfix, "%IN_BYTES");
  messages({TestFlow{}});
  const size_t before = link_.messages.size();
  exporter_->finish();
  ASSERT_EQ(link_.messages.size(), before + 1);
  const std::string& last = link_.messages.back();
  EXPECT_NE(last.find(bytes("0003 002a 0100")), std::string::npos) << "their template, as UDP may have lost it";
  EXPECT_EQ(last.find("a name"), std::string::npos);
}

TEST_F(TemplateExporterTest, SamplingIsTold) {
  settings_.sampling = 100;
  use(ExportProtocol::Ipfix, "%IN_BYTES");
  messages({TestFlow{}});
  const std::string& opening = link_.messages.front();
  EXPECT_NE(opening.find(bytes("0101 000d 0a0b0c0d 00000064 02")), std::string::npos);
  EXPECT_NE(opening.find(bytes("0102 000c 0a0b0c0d 00000064")), std::string::npos) << "alone";
  EXPECT_NE(opening.find(bytes("0000000000000001 0003 00000001 00000064")), std::string::npos);
}

TEST_F(TemplateExporterTest, TemplatesAreRepeated) {
  use(ExportProtocol::Ipfix, "%IN_BYTES");
  messages({TestFlow{}});
  const size_t before = link_.messages.size();
  exporter_->flush(std::chrono::steady_clock::now() + std::chrono::seconds(59));
  EXPECT_EQ(link_.messages.size(), before);
  exporter_->flush(std::chrono::steady_clock::now() + std::chrono::seconds(61));
  ASSERT_EQ(link_.messages.size(), before + 2);
  EXPECT_EQ(hex(link_.messages[before].substr(16)), hex(bytes("0002 000c 0105 0001 0001 0008")));
}

}  // namespace
}  // namespace microcloud
