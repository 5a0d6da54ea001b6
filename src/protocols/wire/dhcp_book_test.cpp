// Requests and answers of different flows: each answer finds its own request, or none. Of different threads:
// tests/workers.
#include "protocols/wire/dhcp_book.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace microcloud {
namespace {

const IpAddress kServer = IpAddress::v4(std::array<uint8_t, 4>{192, 0, 2, 1}.data());
const IpAddress kOther = IpAddress::v4(std::array<uint8_t, 4>{192, 0, 2, 2}.data());

std::optional<uint32_t> none() {
  return std::nullopt;
}

TEST(DhcpBook, AnAnswerFindsTheLastTransmissionOfItsRequest) {
  DhcpBook book;
  const DhcpExchange mine{.transaction = 7, .client = "ann"};
  EXPECT_EQ(book.answered(mine, kServer, 100), none());
  book.asked(mine, 100);
  book.asked(mine, 400);
  EXPECT_EQ(book.answered({.transaction = 8, .client = "ann"}, kServer, 450), none());
  EXPECT_EQ(book.answered({.transaction = 7, .client = "bob"}, kServer, 450), none());
  EXPECT_EQ(book.answered({.transaction = 7, .discovers = true, .client = "ann"}, kServer, 450), none());
  EXPECT_EQ(book.answered({.transaction = 7, .relay = kOther, .client = "ann"}, kServer, 450), none());
  EXPECT_EQ(book.answered(mine, kServer, 300), none()) << "before it was sent";
  EXPECT_EQ(book.answered(mine, kServer, 450), 50U);
  EXPECT_EQ(book.answered(mine, kServer, 460), none()) << "it answered before";
  EXPECT_EQ(book.answered(mine, kOther, 470), 70U) << "all were asked";
  book.asked(mine, 500);
  EXPECT_EQ(book.answered(mine, kServer, 510), 10U) << "it was asked again";
}

TEST(DhcpBook, WhoCannotBeToldIsNotKept) {
  DhcpBook book;
  book.asked({.transaction = 7}, 100);
  EXPECT_EQ(book.size(), 0U);
  EXPECT_EQ(book.answered({.transaction = 7}, kServer, 110), none());
}

TEST(DhcpBook, IsBoundedInNumberAndTime) {
  DhcpBook book;
  for (uint32_t number = 0; number < DhcpBook::kMost + 10; ++number)
    book.asked({.transaction = number, .client = "c"}, number);
  EXPECT_EQ(book.size(), DhcpBook::kMost);
  EXPECT_EQ(book.answered({.transaction = 9, .client = "c"}, kServer, 20'000), none());
  EXPECT_EQ(book.answered({.transaction = 10, .client = "c"}, kServer, 20'000), 19'990U);
  EXPECT_EQ(book.answered({.transaction = 11, .client = "c"}, kServer, DhcpBook::kLongestUs + 12), none())
      << "too late";
  book.asked({.transaction = 1, .client = "d"}, 2 * DhcpBook::kLongestUs);
  EXPECT_EQ(book.size(), 1U);
  uint8_t last = 0;
  const auto server = [&] { return IpAddress::v4(std::array<uint8_t, 4>{10, 0, 0, ++last}.data()); };
  const DhcpExchange loud{.transaction = 1, .client = "d"};
  for (size_t count = 0; count < DhcpBook::kMostServers; ++count)
    EXPECT_TRUE(book.answered(loud, server(), 2 * DhcpBook::kLongestUs + 1));
  EXPECT_EQ(book.answered(loud, server(), 2 * DhcpBook::kLongestUs + 1), none());
}

}  // namespace
}  // namespace microcloud
