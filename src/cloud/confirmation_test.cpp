#include "cloud/confirmation.h"

#include "cloud/lane_test_bed.h"

namespace microcloud {
namespace {

using namespace cloud_test;
using Told = Confirmation::Told;

Value role(int64_t offset, const std::vector<int64_t>& replicas) {
  std::vector<Value> list;
  for (const int64_t has : replicas) list.push_back(array({bulk("127.0.0.1"), bulk("1"), bulk(std::to_string(has))}));
  return array({bulk("master"), number(offset), array(std::move(list))});
}

TEST(Confirmation, WhatEveryReplicaHasIsConfirmed) {
  Confirmation its;
  EXPECT_FALSE(its.known());
  EXPECT_EQ(its.take(role(100, {50, 100}), 3), Told::Master);
  EXPECT_EQ(its.confirmed(), 0U) << "one of them has not";
  EXPECT_EQ(its.take(role(200, {100, 200}), 5), Told::Master);
  EXPECT_EQ(its.confirmed(), 3U);
  EXPECT_EQ(its.take(role(200, {200, 200}), 5), Told::Master);
  EXPECT_EQ(its.confirmed(), 5U);
}

TEST(Confirmation, WithoutReplicasNothingIs) {
  Confirmation its;
  its.take(role(100, {}), 3);
  EXPECT_TRUE(its.known());
  EXPECT_FALSE(its.replicated());
  its.take(role(100, {0}), 3);
  EXPECT_TRUE(its.replicated());
  its.take(role(200, {}), 4);
  EXPECT_TRUE(its.replicated()) << "it has had one";
  EXPECT_EQ(its.confirmed(), 0U);
}

TEST(Confirmation, OffsetsOfAnotherStreamCountNoMore) {
  Confirmation its;
  its.take(role(100, {0}), 3);
  its.restart();
  EXPECT_FALSE(its.known());
  its.take(role(500, {400}), 4);
  EXPECT_EQ(its.confirmed(), 0U) << "400 is beyond 100, but not of that stream";
}

TEST(Confirmation, OthersThanMasters) {
  Confirmation its;
  EXPECT_EQ(its.take(array({bulk("slave"), bulk("127.0.0.1"), number(1), bulk("connected"), number(5)}), 3),
            Told::NoMaster);
  EXPECT_EQ(its.take(Value::of_error("NOPERM"), 3), Told::Nothing);
}

}  // namespace
}  // namespace microcloud
