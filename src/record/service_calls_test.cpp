// Answers of a whole connection: counts, their mean, and times that stay bounded.
#include "record/service_calls.h"

#include <gtest/gtest.h>

#include <type_traits>

namespace microcloud {
namespace {

static_assert(std::is_trivially_copyable_v<ServiceCalls>, "records are copied as bytes");

uint64_t answers_of(const ServiceCalls& calls) {
  uint64_t answers = 0;
  for (const ServiceCalls::Time& time : calls.times()) answers += time.answers;
  return answers;
}

TEST(ServiceCalls, CountsAnswersAndTheirMean) {
  ServiceCalls calls;
  EXPECT_FALSE(calls.mean_latency_us());
  calls.answered(true, std::nullopt);
  EXPECT_FALSE(calls.mean_latency_us()) << "no time is known";
  calls.answered(false, 300);
  calls.answered(false, 100);
  calls.answered(true, 200);
  EXPECT_EQ(calls.answered(), 4U);
  EXPECT_EQ(calls.refused(), 2U);
  EXPECT_EQ(calls.mean_latency_us(), 200U);
  ASSERT_EQ(calls.times().size(), 3U);
  EXPECT_EQ(calls.times()[0].latency_us, 100U);
  EXPECT_EQ(calls.times()[2].latency_us, 300U);
}

TEST(ServiceCalls, TimesNextToOneAnotherAreOne) {
  ServiceCalls calls;
  calls.answered(false, 100'000);
  calls.answered(false, 100'300);
  calls.answered(false, 99'700);
  calls.answered(false, 100'800);
  ASSERT_EQ(calls.times().size(), 2U);
  EXPECT_EQ(calls.times()[0].latency_us, 100'000U);
  EXPECT_EQ(calls.times()[0].answers, 3U);
  calls = {};
  calls.answered(false, 0);
  calls.answered(false, 1);
  calls.answered(false, 1);
  ASSERT_EQ(calls.times().size(), 2U) << "small ones are exact";
  EXPECT_EQ(calls.times()[1].answers, 2U);
}

TEST(ServiceCalls, ManyDifferentTimesGoToTheNearest) {
  ServiceCalls calls;
  for (uint32_t at = 0; at < ServiceCalls::kMostTimes; ++at) calls.answered(false, 1'000 * (at + 1));
  ASSERT_EQ(calls.times().size(), ServiceCalls::kMostTimes);
  calls.answered(false, 2'400);
  calls.answered(false, 2'600);
  calls.answered(false, UINT32_MAX);
  calls.answered(false, 0);
  EXPECT_EQ(calls.times().size(), ServiceCalls::kMostTimes);
  EXPECT_EQ(calls.times()[0].answers, 2U);
  EXPECT_EQ(calls.times()[1].answers, 2U);
  EXPECT_EQ(calls.times()[2].answers, 2U);
  EXPECT_EQ(calls.times().back().answers, 2U);
  EXPECT_EQ(answers_of(calls), ServiceCalls::kMostTimes + 4);
}

}  // namespace
}  // namespace microcloud
