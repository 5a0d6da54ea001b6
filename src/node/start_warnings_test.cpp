#include "node/start_warnings.h"

#include <gtest/gtest.h>

namespace microcloud::node {
namespace {

TEST(StartWarnings, WhatAnotherServerHasSaidIsNoNews) {
  StartWarnings warnings;
  EXPECT_TRUE(warnings.is_news(6379, "overcommit"));
  EXPECT_FALSE(warnings.is_news(6380, "overcommit"));
  EXPECT_TRUE(warnings.is_news(6379, "overcommit")) << "it was started again";
  EXPECT_TRUE(warnings.is_news(6380, "another"));
  EXPECT_FALSE(warnings.is_news(6379, "another"));
}

TEST(StartWarnings, NothingIsLeftOutForWantOfRoom) {
  StartWarnings warnings;
  for (size_t at = 0; at <= StartWarnings::kMost; ++at) EXPECT_TRUE(warnings.is_news(1, std::to_string(at)));
  EXPECT_FALSE(warnings.is_news(2, "0"));
  EXPECT_TRUE(warnings.is_news(2, std::to_string(StartWarnings::kMost)));
}

}  // namespace
}  // namespace microcloud::node
