// From a frame to its innermost IP packet, through each encapsulation alone and through several.
#include <gtest/gtest.h>

#include "packet/decode_test_bed.h"
#include "packet/golden_frames_test.h"

namespace microcloud {
namespace {

using tools::Packet;

TEST(Encapsulation, EachLeadsToItsInnermostPacket) {
  for (const GoldenFrame& golden : golden_frames()) {
    SCOPED_TRACE(golden.name);
    const Decoded seen(golden.frame(), {.first = golden.first, .verify = true});
    EXPECT_EQ(seen.flow(), golden.flow);
    EXPECT_EQ(seen.tunnels(), golden.tunnels);
    EXPECT_EQ(seen.id(), golden.id);
    EXPECT_EQ(seen.outer(), golden.ends);
    EXPECT_EQ(seen.packet.octets, golden.inner.wire_size());
    EXPECT_EQ(seen.packet.fragment, FragmentPart::Whole);
    EXPECT_EQ(seen.anomalies(), 0U);
  }
}

}  // namespace
}  // namespace microcloud
