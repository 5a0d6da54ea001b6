#include "protocols/wire/dns_queries.h"

#include <gtest/gtest.h>

namespace microcloud {
namespace {

DnsMessage asking(uint16_t id, uint8_t letter) {
  DnsMessage message;
  message.id = id;
  message.has_question = true;
  message.type = message.klass = 1;
  message.name.octets = {1, letter, 0};
  message.name.length = 3;
  return message;
}

TEST(DnsQueries, EachIsFoundAmongManyAndOnceErasedNoMore) {
  DnsQueries queries;
  for (uint16_t id = 0; id < 100; ++id) queries.add(asking(id, 'a'), true, id);
  for (const uint16_t id :
       std::initializer_list<uint16_t>{0, 50, 99, 1, 98}) {  // the oldest, one in the middle, the newest
    DnsQuery* const found = queries.asking(asking(id, 'a'), true);
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->first_us, id);
    queries.erase(*found);
    EXPECT_EQ(queries.asking(asking(id, 'a'), true), nullptr);
  }
  EXPECT_EQ(queries.size(), 95U);
  queries.erase_if([](const DnsQuery& query) { return query.first_us % 2 == 0; });
  EXPECT_EQ(queries.size(), 48U);
  for (uint16_t id = 3; id < 98; id = static_cast<uint16_t>(id + 2)) {
    ASSERT_NE(queries.asking(asking(id, 'a'), true), nullptr) << id;
    EXPECT_EQ(queries.asking(asking(id, 'a'), true)->first_us, id);
  }
}

TEST(DnsQueries, TheQuestionAndWhoAsksCount) {
  DnsQueries queries;
  queries.add(asking(7, 'a'), true, 1);
  EXPECT_EQ(queries.asking(asking(7, 'b'), true), nullptr);
  EXPECT_EQ(queries.asking(asking(7, 'a'), false), nullptr);
  EXPECT_EQ(queries.asking(asking(8, 'a'), true), nullptr);
  DnsMessage bare = asking(7, 'a');
  bare.has_question = false;
  EXPECT_EQ(queries.asking(bare, true), nullptr);
  EXPECT_NE(queries.answered(bare, true), nullptr) << "a response without a question answers the oldest of its id";
}

}  // namespace
}  // namespace microcloud
