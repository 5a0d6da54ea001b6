#include "protocols/wire/url_pattern.h"

#include <gtest/gtest.h>

namespace microcloud {
namespace {

std::string pattern(std::string_view target) {
  std::string out;
  append_url_pattern(out, target);
  return out;
}

TEST(UrlPattern, KeepsWhatNamesAKindOfThing) {
  EXPECT_EQ(pattern("/"), "/");
  EXPECT_EQ(pattern("/index.html"), "/index.html");
  EXPECT_EQ(pattern("/api/v2/users"), "/api/v2/users");
  EXPECT_EQ(pattern("/shop/"), "/shop/");
}

TEST(UrlPattern, AStarStandsForOneOfMany) {
  EXPECT_EQ(pattern("/items/7"), "/items/*");
  EXPECT_EQ(pattern("/items/4711-blue"), "/items/*");
  EXPECT_EQ(pattern("/f/d41d8cd98f00b204e9800998ecf8427e"), "/f/*");
  EXPECT_EQ(pattern("/a-name-that-is-far-too-long-to-be-a-kind/x"), "/*/x");
  EXPECT_EQ(pattern("/caf%C3%A9/x"), "/*/x");
  EXPECT_EQ(pattern(std::string_view("/a\0b/\x7f", 6)), "/*/*");
}

TEST(UrlPattern, AtMostThreeParts) {
  EXPECT_EQ(pattern("/a/b/c"), "/a/b/c");
  EXPECT_EQ(pattern("/a/b/c/"), "/a/b/*");
  EXPECT_EQ(pattern("/a/b/c/d/e/f"), "/a/b/*");
  EXPECT_LE(pattern("/" + std::string(24, 'a') + "/" + std::string(24, 'b') + "/" + std::string(24, 'c')).size(), 80U);
}

TEST(UrlPattern, OfThePathAlone) {
  EXPECT_EQ(pattern("/search?q=/a/b"), "/search");
  EXPECT_EQ(pattern("/page#top"), "/page");
  EXPECT_EQ(pattern("/page;jsessionid=1234567"), "/page");
  EXPECT_EQ(pattern("http://shop.example/cart/1234?x"), "/cart/*");
  EXPECT_EQ(pattern("http://shop.example"), "/");
  EXPECT_EQ(pattern("http://shop.example?x=/y"), "/");
}

TEST(UrlPattern, NoPath) {
  EXPECT_EQ(pattern("*"), "");
  EXPECT_EQ(pattern("shop.example:443"), "");
  EXPECT_EQ(pattern(""), "");
}

}  // namespace
}  // namespace microcloud
