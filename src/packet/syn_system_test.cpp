#include "packet/syn_system.h"

#include <gtest/gtest.h>

#include "packet/decode_test_bed.h"

namespace microcloud {
namespace {

using tools::Blob;
using tools::Packet;

// Options as these systems write them.
const Blob kMss{2, 4, 5, 180}, kSack{4, 2}, kTimes{8, 10, 0, 0, 0, 1, 0, 0, 0, 0}, kNop{1}, kScale{3, 3, 7}, kEnd{0};

Blob options(std::initializer_list<Blob> parts) {
  Blob all;
  for (const Blob& part : parts) all.insert(all.end(), part.begin(), part.end());
  all.resize((all.size() + 3) / 4 * 4);
  return all;
}
const Blob kLinux = options({kMss, kSack, kTimes, kNop, kScale});
const Blob kWindows = options({kMss, kNop, kScale, kNop, kNop, kSack});

HostSystem of_v4(const Blob& options, uint8_t ttl) {
  return system_of_syn(Decoded(Packet()
                                   .eth()
                                   .ipv4("10.0.0.1", "10.0.0.2", {.ttl = ttl})
                                   .tcp(40'000, 443, {.flags = tools::kSyn, .options = options}))
                           .packet);
}

HostSystem of_v6(const Blob& options, uint8_t hops) {
  return system_of_syn(Decoded(Packet()
                                   .eth()
                                   .ipv6("2001:db8::1", "2001:db8::2", {.hop_limit = hops})
                                   .tcp(40'000, 443, {.flags = tools::kSyn, .options = options}))
                           .packet);
}

TEST(SynSystem, IsToldByTheOrderOfTheOptions) {
  EXPECT_EQ(of_v4(kLinux, 64), HostSystem::Linux);
  EXPECT_EQ(of_v4(options({kMss, kNop, kNop, kSack, kNop, kScale}), 64), HostSystem::Linux);
  EXPECT_EQ(of_v4(kWindows, 128), HostSystem::Windows);
  EXPECT_EQ(of_v4(options({kMss, kNop, kScale, kNop, kNop, kTimes, kSack, kEnd}), 64), HostSystem::Apple);
  EXPECT_EQ(of_v4(options({kMss, kNop, kScale, kSack, kTimes}), 64), HostSystem::FreeBsd);
  EXPECT_EQ(of_v4(options({kMss, kNop, kNop, kSack, kNop, kScale, kNop, kNop, kTimes}), 64), HostSystem::OpenBsd);
  EXPECT_EQ(of_v6(kLinux, 64), HostSystem::Linux);
  EXPECT_EQ(of_v6(kWindows, 128), HostSystem::Windows);
}

TEST(SynSystem, ThePathMayBeLongButNotLongerThanToTheNextFirstTimeToLive) {
  EXPECT_EQ(of_v4(kLinux, 34), HostSystem::Linux);
  EXPECT_EQ(of_v4(kLinux, 65), HostSystem::Unknown);
  EXPECT_EQ(of_v4(kWindows, 65), HostSystem::Windows);
  EXPECT_EQ(of_v4(kWindows, 64), HostSystem::Unknown);
  EXPECT_EQ(of_v4(options({kMss, kNop, kScale, kSack, kTimes}), 120), HostSystem::Windows) << "as FreeBSD's, from 128";
}

TEST(SynSystem, WhatNobodyWritesIsUnknown) {
  EXPECT_EQ(of_v4({}, 64), HostSystem::Unknown);
  EXPECT_EQ(of_v4(options({kMss}), 64), HostSystem::Unknown);
  EXPECT_EQ(of_v4(options({kMss, kSack, kTimes, kNop}), 64), HostSystem::Unknown) << "its beginning is not enough";
  EXPECT_EQ(of_v4(Blob(40, 1), 64), HostSystem::Unknown) << "more than are looked at";
  for (const uint8_t length : std::initializer_list<uint8_t>{0, 1, 200})
    EXPECT_EQ(of_v4({2, length, 5, 180}, 64), HostSystem::Unknown);
}

TEST(SynSystem, APacketThatIsCutIsUnknown) {
  const Packet whole =
      Packet().eth().ipv4("10.0.0.1", "10.0.0.2").tcp(40'000, 443, {.flags = tools::kSyn, .options = kLinux});
  const Blob bytes = whole.bytes();
  for (size_t size = bytes.size(); size-- > 14 + 20 + 14;) {
    const Decoded cut(Blob(bytes.begin(), bytes.begin() + static_cast<long>(size)), {.wire_size = bytes.size()});
    if (!cut.metered()) continue;
    EXPECT_EQ(system_of_syn(cut.packet), HostSystem::Unknown) << size;
  }
}

}  // namespace
}  // namespace microcloud
