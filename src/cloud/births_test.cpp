#include "cloud/births.h"

#include <gtest/gtest.h>

namespace microcloud {
namespace {

using Verdict = Births::Verdict;

unsigned born(Births& births, unsigned tries, uint32_t now_s = 1) {
  unsigned count = 0;
  for (unsigned at = 0; at < tries; ++at) {
    Refreshed refreshed = 0;
    count += births.ask(refreshed, now_s) == Verdict::Born ? 1 : 0;
  }
  return count;
}

TEST(Births, SoManyInASecondOfThePacketsTime) {
  Births births({.per_second = 100, .most_keys = 1'000'000, .ttl_s = 3'600});
  births.at_time(1'000'000);
  EXPECT_EQ(born(births, 10'000), 500U) << "at first a burst of five seconds";
  EXPECT_EQ(births.refused(), 9'500U);
  births.at_time(1'000'500);
  EXPECT_EQ(born(births, 10'000), 50U);
  births.at_time(1'000'400);
  EXPECT_EQ(born(births, 10'000), 0U) << "a step back gives nothing";
  births.at_time(900'000'000);
  EXPECT_EQ(born(births, 10'000), 500U) << "a leap gives the burst";
}

TEST(Births, NoMoreThanTheNodeMayHold) {
  Births births({.per_second = 1'000, .most_keys = 150, .ttl_s = 3'600});
  births.set_keys_of_node(100, births.arrived(0));
  EXPECT_EQ(born(births, 1'000), 50U);
  births.set_keys_of_node(149, births.arrived(0));
  EXPECT_EQ(born(births, 1'000), 1U);
  births.set_keys_of_node(200, births.arrived(0));
  EXPECT_EQ(born(births, 1'000), 0U);
}

TEST(Births, WhatIsOnItsWayIsNotForgottenWhenTheNodeSaysWhatItHas) {
  Births births({.per_second = 1'000, .most_keys = 500, .ttl_s = 3'600});
  EXPECT_EQ(born(births, 100), 100U);
  const uint64_t asked = births.arrived(30);
  EXPECT_EQ(born(births, 50), 50U) << "while it is asked";
  births.set_keys_of_node(400, asked);
  EXPECT_EQ(born(births, 1'000), 20U) << "30 waited, 50 came since";
  births.set_keys_of_node(400, births.arrived(1'000));
  EXPECT_EQ(born(births, 1'000), 0U) << "no more can wait than were born since it was last asked";
  births.set_keys_of_node(460, births.arrived(15));
  EXPECT_EQ(born(births, 1'000), 25U);
}

TEST(Births, AKnownKeyIsRefreshedAfterAQuarterOfItsTimeAndNeverRefused) {
  Births births({.per_second = 1, .most_keys = 1, .ttl_s = 100});
  Refreshed refreshed = 0;
  EXPECT_EQ(births.ask(refreshed, 10), Verdict::Born);
  births.set_keys_of_node(1'000, births.arrived(0));
  EXPECT_EQ(births.ask(refreshed, 34), Verdict::Known);
  EXPECT_EQ(births.ask(refreshed, 35), Verdict::Refresh);
  EXPECT_EQ(births.ask(refreshed, 59), Verdict::Known) << "counted from the last refresh";
  EXPECT_EQ(births.ask(refreshed, 134), Verdict::Refresh);
  EXPECT_FALSE(births.forgotten(refreshed, 233));
  EXPECT_TRUE(births.forgotten(refreshed, 234));
  EXPECT_EQ(births.ask(refreshed, 234), Verdict::Refused) << "it has expired, and the node is full";
  EXPECT_EQ(births.always(refreshed, 234), Verdict::Born);
}

TEST(Births, WhatBelongsToAKeyIsBornWholeOrNotAtAll) {
  Births births({.per_second = 1, .most_keys = 1'000, .ttl_s = 3'600});
  births.at_time(1'000'000);
  EXPECT_TRUE(births.bear(3));
  EXPECT_FALSE(births.bear(3)) << "two are left of a burst of five";
  EXPECT_EQ(born(births, 9), 2U);
  EXPECT_EQ(births.refused(), 8U);

  Births few({.per_second = 1'000, .most_keys = 10, .ttl_s = 3'600});
  few.at_time(1'000'000);
  few.set_keys_of_node(6, few.arrived(0));
  EXPECT_TRUE(few.bear(3));
  EXPECT_FALSE(few.bear(3));
  EXPECT_EQ(born(few, 9), 1U);
}

}  // namespace
}  // namespace microcloud
