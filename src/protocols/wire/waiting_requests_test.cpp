// Which request a response answers, and that those nobody answers are bounded.
#include "protocols/wire/waiting_requests.h"

#include <gtest/gtest.h>

namespace microcloud {
namespace {

using Requests = WaitingRequests<int, int>;

TEST(WaitingRequests, EachIsAnsweredOnce) {
  Requests requests;
  EXPECT_FALSE(requests.take(1, 100, 11));
  EXPECT_FALSE(requests.take(2, 200, 22));
  const auto second = requests.answered(2, 300);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->sent_us, 200);
  EXPECT_EQ(second->kept, 22);
  EXPECT_FALSE(requests.answered(2, 300));
  EXPECT_FALSE(requests.answered(3, 300));
  EXPECT_EQ(requests.answered(1, 300)->kept, 11);
}

TEST(WaitingRequests, TheLastTransmissionCounts) {
  Requests requests;
  requests.take(1, 100);
  EXPECT_TRUE(requests.take(1, 500));
  EXPECT_EQ(requests.answered(1, 700)->sent_us, 500);
  EXPECT_FALSE(requests.take(1, 800)) << "it was answered: this is another one";
}

TEST(WaitingRequests, NobodyWaitsForEver) {
  Requests requests;
  requests.take(1, 0);
  EXPECT_FALSE(requests.answered(1, Requests::kLongestUs + 1));
  requests.take(2, 0);
  EXPECT_FALSE(requests.take(2, Requests::kLongestUs + 1)) << "the number is used again";
  EXPECT_TRUE(requests.answered(2, Requests::kLongestUs + 2));
}

TEST(WaitingRequests, TheOldestAreForgotten) {
  Requests requests;
  constexpr int kMany = 1000;
  for (int key = 0; key < kMany; ++key) requests.take(key, 0);
  const int kept = static_cast<int>(Requests::kMost);
  EXPECT_FALSE(requests.answered(kMany - kept - 1, 1));
  EXPECT_TRUE(requests.answered(kMany - kept, 1));
  EXPECT_TRUE(requests.answered(kMany - 1, 1));
}

}  // namespace
}  // namespace microcloud
