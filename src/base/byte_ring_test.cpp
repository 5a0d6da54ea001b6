#include "base/byte_ring.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace microcloud {
namespace {

bool put(ByteRing& ring, const std::string& text) {
  uint8_t* room = ring.reserve(text.size());
  if (room == nullptr) return false;
  std::copy(text.begin(), text.end(), room);
  ring.commit(text.size());
  return true;
}

std::optional<std::string> get(ByteRing& ring) {
  size_t size = 0;
  const uint8_t* message = ring.read(size);
  if (message == nullptr) return std::nullopt;
  return std::string(message, message + size);
}

TEST(ByteRing, CapacityIsAPowerOfTwo) {
  EXPECT_EQ(ByteRing(1000).capacity(), 1024U);
  EXPECT_EQ(ByteRing(1024).capacity(), 1024U);
}

TEST(ByteRing, MessagesComeInOrderOnceTheyArePublished) {
  ByteRing ring(1024);
  EXPECT_EQ(get(ring), std::nullopt);
  ASSERT_TRUE(put(ring, "one"));
  ASSERT_TRUE(put(ring, ""));
  EXPECT_EQ(get(ring), std::nullopt) << "committed only";
  EXPECT_TRUE(ring.empty());
  ring.publish();
  ASSERT_TRUE(put(ring, "three"));
  EXPECT_EQ(get(ring), "one");
  EXPECT_EQ(get(ring), "");
  EXPECT_EQ(get(ring), std::nullopt) << "the third is not published";
  ring.publish();
  EXPECT_EQ(get(ring), "three");
}

TEST(ByteRing, MessagesAreAligned) {
  ByteRing ring(1024);
  for (size_t size = 0; size < 20; ++size) {
    const uint8_t* room = ring.reserve(size);
    ASSERT_NE(room, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(room) % 16, 0U);
    ring.commit(size);
  }
}

TEST(ByteRing, FinalSizeMayBeSmallerThanReserved) {
  ByteRing ring(256);
  for (int round = 0; round < 50; ++round) {
    uint8_t* room = ring.reserve(100);
    ASSERT_NE(room, nullptr);
    std::memset(room, 'x', 100);
    ring.commit(3);
    ASSERT_TRUE(put(ring, "next"));
    ring.publish();
    ASSERT_EQ(get(ring), "xxx");
    ASSERT_EQ(get(ring), "next");
    ring.release();
  }
}

TEST(ByteRing, FullRingRefusesUntilReleased) {
  ByteRing ring(256);
  const std::string text(48, 'm');  // 64 bytes with its header: four fill the ring
  for (int count = 0; count < 4; ++count) ASSERT_TRUE(put(ring, text));
  ring.publish();
  EXPECT_EQ(ring.held(), 256U);
  EXPECT_FALSE(put(ring, ""));
  EXPECT_EQ(get(ring), text);
  EXPECT_FALSE(put(ring, "")) << "read, but not released";
  ring.release();
  EXPECT_EQ(ring.held(), 192U);
  EXPECT_TRUE(put(ring, text));
  EXPECT_FALSE(put(ring, ""));
}

TEST(ByteRing, WhatWasReadStaysUntilReleased) {
  ByteRing ring(1024);
  std::vector<std::string> texts;
  for (char letter = 'a'; put(ring, std::string(100, letter)); ++letter) texts.emplace_back(100, letter);
  ring.publish();
  std::vector<const uint8_t*> read;
  size_t size = 0;
  while (const uint8_t* message = ring.read(size)) read.push_back(message);
  ASSERT_EQ(read.size(), texts.size());
  while (put(ring, std::string(100, '?'))) {
  }
  for (size_t at = 0; at < texts.size(); ++at) EXPECT_EQ(std::string(read[at], read[at] + 100), texts[at]);
  EXPECT_FALSE(ring.empty());
  ring.release();
  EXPECT_TRUE(ring.empty());
}

TEST(ByteRing, EmptyRingTakesTheLargestMessageWhereverItStands) {
  // Whatever stands between the write position and the end is filled up and skipped.
  for (size_t lead = 0; lead <= 240; lead += 16) {
    ByteRing ring(256);
    for (size_t at = 0; at < lead; at += 16) {
      ASSERT_TRUE(put(ring, ""));
      ring.publish();
      ASSERT_EQ(get(ring), "");
      ring.release();
    }
    const std::string largest(112, 'L');  // half of the ring with its header
    ASSERT_TRUE(put(ring, largest)) << lead;
    ring.publish();
    ASSERT_EQ(get(ring), largest) << lead;
    ring.release();
    EXPECT_TRUE(ring.empty());
  }
}

TEST(ByteRing, NeverGivesARoomThatWouldReachOverItsEnd) {
  ByteRing ring(512);
  std::mt19937 random(1);
  std::vector<std::string> waiting;
  size_t next_out = 0;
  for (int round = 0; round < 20'000; ++round) {
    if (random() % 2 == 0) {
      std::string text(random() % 200, static_cast<char>('a' + round % 26));
      if (put(ring, text)) waiting.push_back(std::move(text));
    } else {
      ring.publish();
      const auto text = get(ring);
      ASSERT_EQ(text.has_value(), next_out < waiting.size());
      if (text) {
        ASSERT_EQ(*text, waiting[next_out++]);
      }
      if (random() % 3 == 0) ring.release();
    }
  }
  EXPECT_GT(next_out, 1000U);
}

uint32_t sum_of(const uint8_t* bytes, size_t size) {
  uint32_t sum = static_cast<uint32_t>(size);
  for (size_t at = 0; at < size; ++at) sum = sum * 31 + bytes[at];
  return sum;
}

TEST(ByteRing, TwoThreadsLoseAndDamageNothing) {
  constexpr uint32_t kMessages = 100'000;
  ByteRing ring(4096);
  std::thread producer([&ring] {
    std::minstd_rand random(7);
    for (uint32_t number = 0; number < kMessages; ++number) {
      const size_t size = 8 + random() % 300;
      uint8_t* room = ring.reserve(size);
      while (room == nullptr) {
        ring.publish();
        std::this_thread::yield();
        room = ring.reserve(size);
      }
      for (size_t at = 8; at < size; ++at) room[at] = static_cast<uint8_t>(random());
      const uint32_t sum = sum_of(room + 8, size - 8);
      std::memcpy(room, &number, 4);
      std::memcpy(room + 4, &sum, 4);
      ring.commit(size);
      if (number % 5 == 0) ring.publish();
    }
    ring.publish();
  });

  uint32_t expected = 0;
  uint32_t wrong = 0;
  while (expected < kMessages) {
    size_t size = 0;
    const uint8_t* message = ring.read(size);
    if (message == nullptr) {
      ring.release();
      std::this_thread::yield();
      continue;
    }
    uint32_t number = 0;
    uint32_t sum = 0;
    std::memcpy(&number, message, 4);
    std::memcpy(&sum, message + 4, 4);
    if (number != expected || sum != sum_of(message + 8, size - 8)) ++wrong;
    if (++expected % 7 == 0) ring.release();
  }
  producer.join();
  EXPECT_EQ(wrong, 0U);
  size_t size = 0;
  EXPECT_EQ(ring.read(size), nullptr);
}

}  // namespace
}  // namespace microcloud
