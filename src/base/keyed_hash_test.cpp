// The hash that stands for a secret: RFC 4231's values, and that a key of its own is nobody else's.
#include "base/keyed_hash.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace microcloud {
namespace {

std::string hash_of(const KeyedHash& hash, std::string_view text) {
  const std::vector<uint8_t> octets(text.begin(), text.end());
  const auto digits = hash.of(octets);
  return {digits.begin(), digits.end()};
}

TEST(KeyedHash, Rfc4231) {
  EXPECT_EQ(hash_of(KeyedHash(std::string(20, '\x0b')), "Hi There"), "b0344c61d8db38535ca8afceaf0bf12b");
  EXPECT_EQ(hash_of(KeyedHash("Jefe"), "what do ya want for nothing?"), "5bdcc146bf60754e6a042426089575c7");
  EXPECT_EQ(hash_of(KeyedHash(std::string(131, '\xaa')), "Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f0d8a26aacbf5b77f");
}

TEST(KeyedHash, EqualSecretsOfOneKeyAreEqual) {
  const KeyedHash drawn, another;
  EXPECT_EQ(hash_of(drawn, "public"), hash_of(drawn, "public"));
  EXPECT_EQ(hash_of(drawn, "public"), hash_of(KeyedHash(drawn), "public"));
  EXPECT_NE(hash_of(drawn, "public"), hash_of(drawn, "private"));
  EXPECT_NE(hash_of(drawn, "public"), hash_of(another, "public"));
  EXPECT_EQ(hash_of(drawn, "").size(), 32U);
}

}  // namespace
}  // namespace microcloud
