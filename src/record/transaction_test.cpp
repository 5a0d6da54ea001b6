#include "record/transaction.h"

#include <gtest/gtest.h>

#include <string>

namespace microcloud {
namespace {

struct ToyTransaction {
  Milliseconds observed;
  uint32_t index = 0;
  Partial partial;
  uint16_t own = 0;
};

constexpr Field kOwnFields[] = {field<&ToyTransaction::own>("toyOwn", {"", pen::kOwn, 900}, "its own")};
constexpr auto kFields = transaction_fields<ToyTransaction>(kOwnFields);

TEST(Transaction, HasTheCommonRowsBeforeItsOwn) {
  ASSERT_EQ(kFields.size(), 4U);
  EXPECT_EQ(kFields[0].name, "observationTimeMilliseconds");
  EXPECT_EQ(kFields[1].name, "transactionIndex");
  EXPECT_EQ(kFields[2].name, "partial");
  EXPECT_EQ(kFields[3].name, "toyOwn");
  ToyTransaction toy{.observed = {-5}, .index = 7, .partial = {}, .own = 9};
  Scratch scratch;
  EXPECT_EQ(kFields[0].read(&toy, scratch).signed_number, -5);
  EXPECT_EQ(kFields[1].read(&toy, scratch).number, 7U);
  EXPECT_EQ(kFields[2].read(&toy, scratch).kind, Value::Kind::Absent);
  EXPECT_EQ(kFields[3].read(&toy, scratch).number, 9U);
}

TEST(Transaction, APartialReasonIsSaidOnce) {
  Partial partial;
  for (const char* reason : {"cut", "gap", "cut"}) partial.add(reason);
  Scratch scratch;
  const Value value = ValueOf<Partial>::read(partial, scratch);
  ASSERT_EQ(value.kind, Value::Kind::List);
  ASSERT_EQ(value.size, 2U);
  EXPECT_EQ(value.item(value.data, 0, scratch).text(), "cut");
  EXPECT_EQ(value.item(value.data, 1, scratch).text(), "gap");
}

TEST(Transaction, ALatencyIsNeverNegative) {
  EXPECT_EQ(latency_us(100, 130), 30U);
  EXPECT_EQ(latency_us(100, 100), 0U);
  EXPECT_EQ(latency_us(100, 99), std::nullopt);
  EXPECT_EQ(latency_us(0, int64_t{1} << 32), std::nullopt);
}

TEST(Transaction, MillisecondsRoundDown) {
  EXPECT_EQ(to_milliseconds(1999).value, 1);
  EXPECT_EQ(to_milliseconds(-1).value, -1);
  EXPECT_EQ(to_milliseconds(-1000).value, -1);
  EXPECT_EQ(to_milliseconds(-1001).value, -2);
}

}  // namespace
}  // namespace microcloud
