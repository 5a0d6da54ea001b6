// Flows of a protocol that other flows of it have announced are looked at as its own.
#include "inspect/announcements.h"

#include "inspect/inspector_test_bed.h"

namespace microcloud {
namespace {

Verdict recognise_announced(const Segment& segment, const Common& flow) {
  return segment.at_announced_place ? Verdict::Mine : recognise_hello(segment, flow);
}
const Protocol kAnnounced{.name = "announced",
                          .records = kHeardTypes,
                          .over_udp = true,
                          .ports = {},
                          .recognise = recognise_announced,
                          .make_parser = make_listener};
const Protocol kOther{.name = "other",
                      .records = kHeardTypes,
                      .over_udp = true,
                      .ports = {},
                      .recognise = recognise_announced,
                      .make_parser = make_listener};

struct AnnouncementsTest : InspectorTest {
  AnnouncementsTest() : InspectorTest({&kOther, &kAnnounced}) {}
};

TEST_F(AnnouncementsTest, AFlowThatWasAnnouncedIsRead) {
  frame(udp("there", true, 7002));
  EXPECT_EQ(heard(), "");
  frame(udp("HELLO ANNOUNCE"));
  EXPECT_EQ(heard(), ">HELLO ANNOUNCE");
  frame(udp("there", true, 7001));
  frame(udp("there", true, 7003));
  EXPECT_EQ(heard(), ">there");
}

TEST_F(AnnouncementsTest, ItsResponderMaySpeakFirst) {
  frame(udp("HELLO ANNOUNCE"));
  frame(udp("there", false, 7001));
  EXPECT_EQ(heard(), ">HELLO ANNOUNCE >there");
}

std::string announced(const Announcements& announcements, const IpAddress& address, uint16_t port) {
  std::string names;
  announcements.at(address, port, [&](const Protocol& protocol) { names += std::string(protocol.name) + ' '; });
  return names;
}

TEST(Announcements, AreOfOnePlaceAndBounded) {
  Announcements announcements;
  const uint8_t octets[4] = {192, 0, 2, 1};
  const IpAddress address = IpAddress::v4(octets);
  EXPECT_FALSE(announcements.any());
  for (uint16_t port = 1; port <= Announcements::kMost + 1; ++port) announcements.add(kOther, address, port);
  EXPECT_EQ(announced(announcements, address, 1), "") << "the oldest is forgotten";
  EXPECT_EQ(announced(announcements, address, 2), "other ");
  EXPECT_EQ(announced(announcements, address, Announcements::kMost + 1), "other ");
  EXPECT_EQ(announced(announcements, IpAddress{}, 2), "");
  announcements.add(kAnnounced, address, 200);
  announcements.add(kAnnounced, address, 200);
  EXPECT_EQ(announced(announcements, address, 200), "other announced ");
}

}  // namespace
}  // namespace microcloud
