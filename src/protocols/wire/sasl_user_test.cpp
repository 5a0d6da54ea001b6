// Names are found in each mechanism, and nothing but names.
#include "protocols/wire/sasl_user.h"

#include <gtest/gtest.h>

#include <string>

namespace microcloud {
namespace {

constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string base64(const std::string& text) {
  std::string out;
  for (size_t at = 0; at < text.size(); at += 3) {
    uint32_t bits = 0;
    for (size_t next = at; next < at + 3; ++next)
      bits = bits << 8 | (next < text.size() ? static_cast<uint8_t>(text[next]) : 0U);
    for (size_t digit = 0; digit < 4; ++digit)
      out += digit > text.size() - at ? '=' : kDigits[bits >> (18 - 6 * digit) & 63U];
  }
  return out;
}

std::string first(std::string_view mechanism, const std::string& text) {
  SaslUser sasl;
  EXPECT_FALSE(sasl.begin(mechanism, "", false));
  EXPECT_TRUE(sasl.active());
  return sasl.response(base64(text), false).value_or("(none)");
}

TEST(Base64, IsDecodedWithAndWithoutPadding) {
  EXPECT_EQ(decode_base64(""), "");
  EXPECT_EQ(decode_base64("Zg=="), "f");
  EXPECT_EQ(decode_base64("Zm8="), "fo");
  EXPECT_EQ(decode_base64("Zm8"), "fo");
  EXPECT_EQ(decode_base64("Zm9v"), "foo");
  EXPECT_EQ(decode_base64("++//"), "\xfb\xef\xff");
  EXPECT_FALSE(decode_base64("Zm9v!"));
  EXPECT_FALSE(decode_base64("Zm=v"));
  EXPECT_FALSE(decode_base64("Zm9vY"));
  EXPECT_EQ(decode_base64("Zm9vY", true), "foo");
}

TEST(SaslUser, IsFoundInEachMechanism) {
  EXPECT_EQ(first("PLAIN", std::string("\0ann\0secret", 11)), "ann");
  EXPECT_EQ(first("plain", std::string("other\0ann\0secret", 16)), "ann");
  EXPECT_EQ(first("LOGIN", "ann@example.test"), "ann@example.test");
  EXPECT_EQ(first("XOAUTH2",
                  "user=ann\x01"
                  "auth=Bearer token\x01\x01"),
            "ann");
  EXPECT_EQ(first("OAUTHBEARER",
                  "n,a=ann@example.test,\x01host=h\x01"
                  "auth=Bearer token\x01\x01"),
            "ann@example.test");
  EXPECT_EQ(first("CRAM-MD5", "an n b913a602c7eda7a495b4e6e7334d3890"), "an n");
  EXPECT_EQ(first("SCRAM-SHA-256", "n,,n=ann,r=nonce"), "ann");
}

TEST(SaslUser, NothingElseIsTold) {
  EXPECT_EQ(first("NTLM", "NTLMSSP"), "(none)");
  EXPECT_EQ(first("PLAIN", "secret"), "(none)");
  EXPECT_EQ(first("PLAIN", std::string("\0secret", 7)), "(none)");
  EXPECT_EQ(first("CRAM-MD5", "b913a602c7eda7a495b4e6e7334d3890"), "(none)");
  EXPECT_EQ(first("XOAUTH2", "auth=Bearer token\x01\x01"), "(none)");
  SaslUser sasl;
  EXPECT_EQ(sasl.begin("LOGIN", base64("ann"), false), "ann");
  EXPECT_FALSE(sasl.over());
  EXPECT_FALSE(sasl.response(base64("secret"), false));
  EXPECT_TRUE(sasl.over());
  EXPECT_FALSE(sasl.response(base64("more"), false));
  sasl.end();
  EXPECT_FALSE(sasl.active());
  EXPECT_FALSE(sasl.response(base64("secret"), false));
}

}  // namespace
}  // namespace microcloud
