// Systems of HTTP clients, by User-Agents as programs send them.
#include "protocols/wire/client_system.h"

#include <gtest/gtest.h>

#include <string>

namespace microcloud {
namespace {

std::string name_of(std::string_view platform, std::string_view user_agent) {
  const auto system = read_client_system(platform, user_agent);
  constexpr std::string_view kConfidences[] = {" low", " medium", " high"};
  return system ? std::string(system->name) + std::string(kConfidences[static_cast<size_t>(system->confidence)]) : "";
}

TEST(ClientSystem, ByUserAgent) {
  EXPECT_EQ(
      name_of("", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0"),
      "Windows medium");
  EXPECT_EQ(
      name_of("", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17.0 Safari/605.1.15"),
      "macOS low");
  EXPECT_EQ(name_of("", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15"), "iOS medium");
  EXPECT_EQ(name_of("", "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36"), "Android medium");
  EXPECT_EQ(name_of("", "Mozilla/5.0 (Windows Phone 10.0; Android 4.2.1; Microsoft; Lumia 950)"),
            "Windows Phone medium");
  EXPECT_EQ(name_of("", "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36"), "Chrome OS medium");
  EXPECT_EQ(name_of("", "Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0"), "Linux low");
  EXPECT_EQ(name_of("", "Debian APT-HTTP/1.3 (2.6.1)"), "Linux medium");
  EXPECT_EQ(name_of("", "pkg/1.20 (FreeBSD 14.0)"), "FreeBSD medium");
  EXPECT_EQ(name_of("", "Microsoft-CryptoAPI/10.0"), "Windows medium");
  EXPECT_EQ(name_of("", "trustd (unknown version) CFNetwork/1408 Darwin/22.5.0"), "Darwin medium");
}

TEST(ClientSystem, AHintCountsMore) {
  EXPECT_EQ(name_of("\"Android\"", "Mozilla/5.0 (X11; Linux x86_64) Chrome/120"), "Android high");
  EXPECT_EQ(name_of("\"Chromium OS\"", ""), "Chromium OS high");
  EXPECT_EQ(name_of("\"Unknown\"", "x (Windows NT 10.0)"), "Windows medium");
  EXPECT_EQ(name_of("Windows", ""), "") << "not a string of structured fields";
}

TEST(ClientSystem, UnknownWhereNoneIsNamed) {
  EXPECT_EQ(name_of("", ""), "");
  EXPECT_EQ(name_of("", "curl/7.88.1"), "");
  EXPECT_EQ(
      name_of(
          "",
          "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X) (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"),
      "")
      << "a crawler";
}

TEST(ClientSystem, FamiliesAreThoseOfHosts) {
  EXPECT_EQ(read_client_system("", "x (Linux; Android 10; K)")->family, HostSystem::Linux);
  EXPECT_EQ(read_client_system("\"macOS\"", "")->family, HostSystem::Apple);
  EXPECT_EQ(read_client_system("", "Windows Phone 10.0")->family, HostSystem::Unknown);
}

}  // namespace
}  // namespace microcloud
