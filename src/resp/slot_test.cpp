#include "resp/slot.h"

#include <gtest/gtest.h>

namespace microcloud::resp {
namespace {

TEST(Slot, AsTheSpecificationAndARealClusterSay) {
  EXPECT_EQ(slot_of("123456789"), 0x31C3) << "CRC16 (XMODEM) of the specification, whose upper bits are zero here";
  EXPECT_EQ(slot_of(""), 0);
  EXPECT_EQ(slot_of("foo"), 12182) << "CLUSTER KEYSLOT of redis-server 7.0.15";
  EXPECT_EQ(slot_of("ip.10.0.0.1"), slot_of("{ip.10.0.0.1}.peers"));
}

TEST(Slot, Tags) {
  EXPECT_EQ(slot_of("{user1000}.following"), slot_of("user1000"));
  EXPECT_EQ(slot_of("foo{{bar}}zap"), slot_of("{bar"));
  EXPECT_EQ(slot_of("foo{bar}{zap}"), slot_of("bar"));
  EXPECT_NE(slot_of("foo{}{bar}"), slot_of("bar")) << "an empty first tag: the whole key counts";
  EXPECT_NE(slot_of("foo{bar"), slot_of("bar"));
}

}  // namespace
}  // namespace microcloud::resp
