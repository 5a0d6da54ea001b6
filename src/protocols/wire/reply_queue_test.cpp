// Each reply goes to its command; where that cannot be known, to none.
#include "protocols/wire/reply_queue.h"

#include <gtest/gtest.h>

namespace microcloud {
namespace {

constexpr int kNobody = -1;

struct Queue : ReplyQueue<int> {
  int reply(int64_t time_us) {
    const auto whose = answered(time_us);
    return whose ? whose->command : kNobody;
  }
};

TEST(ReplyQueue, RepliesComeInTheOrderOfCommands) {
  Queue queue;
  queue.sent(1, 10);
  queue.sent(2, 10);
  EXPECT_EQ(queue.reply(20), 1);
  queue.sent(3, 30);
  EXPECT_EQ(queue.reply(40), 2);
  EXPECT_EQ(queue.reply(40), 3);
  EXPECT_EQ(queue.reply(50), kNobody);
}

TEST(ReplyQueue, WhenACommandWasSentIsToldWhereItIsCertain) {
  Queue queue;
  const auto sent_us = [&](int64_t time_us) { return queue.answered(time_us).value().sent_us; };
  queue.sent(1, 10);
  EXPECT_EQ(sent_us(30), 10);
  queue.sent(1, 40);
  queue.goes_on(std::nullopt);
  queue.sent(2, 40);
  queue.goes_on(std::nullopt);
  queue.goes_on(44);
  EXPECT_EQ(sent_us(50), std::nullopt) << "its end is missing";
  EXPECT_EQ(sent_us(50), 44);
  queue.goes_on(55);
  EXPECT_TRUE(queue.empty());
  Queue behind;
  behind.lose();
  behind.sent(2, 60);
  EXPECT_EQ(behind.answered(70).value().sent_us, std::nullopt) << "likely, not certain";
  behind.resume(3, 80);
  EXPECT_EQ(behind.answered(90).value().sent_us, 80);
}

TEST(ReplyQueue, AClientThatWaitsIsFollowedOverAGap) {
  Queue queue;
  queue.sent(1, 10);
  EXPECT_EQ(queue.reply(20), 1);
  queue.sent(2, 30);
  queue.lose();  // with the reply to 2, or with a command and its reply
  queue.sent(4, 50);
  EXPECT_EQ(queue.reply(60), 4);
  queue.sent(5, 70);
  EXPECT_EQ(queue.reply(80), 5);
}

TEST(ReplyQueue, OfADirectionThatIsReadLateTheOldRepliesAreNobodys) {
  Queue queue;
  queue.sent(1, 10);
  queue.lose();
  queue.sent(2, 30);
  queue.sent(3, 50);  // the reply to 2 has not been read yet
  EXPECT_EQ(queue.reply(40), kNobody);
  EXPECT_EQ(queue.reply(60), 3);
}

TEST(ReplyQueue, OfCommandsThatAreReadLateTheNewestWaits) {
  Queue queue;
  queue.lose();
  queue.sent(1, 10);
  queue.sent(2, 30);  // both were answered while they were held
  queue.sent(3, 50);
  EXPECT_EQ(queue.reply(60), 3);
}

TEST(ReplyQueue, AClientThatDoesNotWaitIsNotFollowed) {
  Queue before;
  before.sent(1, 10);
  before.sent(2, 10);
  before.lose();
  before.sent(3, 30);
  EXPECT_EQ(before.reply(40), kNobody);
  Queue after;
  after.lose();
  after.sent(1, 10);
  after.sent(2, 10);
  EXPECT_EQ(after.reply(20), kNobody);
  after.resume(3, 30);
  EXPECT_EQ(after.reply(40), 3);
  after.sent(4, 50);
  after.sent(5, 50);
  EXPECT_EQ(after.reply(60), 4);
}

TEST(ReplyQueue, IsBounded) {
  Queue queue;
  for (size_t count = 0; count < Queue::kMost; ++count) EXPECT_TRUE(queue.sent(1, 10));
  EXPECT_FALSE(queue.sent(2, 10));
  EXPECT_TRUE(queue.empty());
  EXPECT_TRUE(queue.in_doubt());
}

}  // namespace
}  // namespace microcloud
