#include "base/wake_up.h"

#include <gtest/gtest.h>

#include <thread>

namespace microcloud {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

TEST(WakeUp, AWaitEndsWithASignalOfAnotherThread) {
  WakeUp wake;
  const auto begun = Clock::now();
  std::thread other([&wake] {
    std::this_thread::sleep_for(milliseconds(5));
    wake.signal();
  });
  wake.wait(std::chrono::seconds(30));
  EXPECT_LT(Clock::now() - begun, std::chrono::seconds(10));
  other.join();
}

TEST(WakeUp, ASignalStaysUntilItIsCleared) {
  WakeUp wake;
  wake.signal();
  wake.signal();
  const auto begun = Clock::now();
  wake.wait(std::chrono::seconds(30));
  wake.wait(std::chrono::seconds(30));
  EXPECT_LT(Clock::now() - begun, std::chrono::seconds(10));
  wake.clear();
  wake.clear();
  const auto cleared = Clock::now();
  wake.wait(milliseconds(20));
  EXPECT_GE(Clock::now() - cleared, milliseconds(19));
}

TEST(WakeUp, AWaitForAFileSaysWhichOfBothCame) {
  WakeUp file, wake;
  EXPECT_FALSE(wait_for(file.fd(), wake.fd(), milliseconds(1)));
  wake.signal();
  EXPECT_FALSE(wait_for(file.fd(), wake.fd(), std::chrono::seconds(30)));
  file.signal();
  EXPECT_TRUE(wait_for(file.fd(), wake.fd(), std::chrono::seconds(30)));
  EXPECT_TRUE(wait_for(file.fd(), -1, std::chrono::seconds(30)));
}

}  // namespace
}  // namespace microcloud
