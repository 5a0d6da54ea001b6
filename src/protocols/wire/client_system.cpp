#include "protocols/wire/client_system.h"

#include <algorithm>
#include <iterator>

namespace microcloud {
namespace {

struct Platform {
  std::string_view name;
  HostSystem family;
};
// The values that the specification of Sec-CH-UA-Platform names.
constexpr Platform kPlatforms[] = {{"Android", HostSystem::Linux},     {"Chrome OS", HostSystem::Linux},
                                   {"Chromium OS", HostSystem::Linux}, {"Fuchsia", HostSystem::Unknown},
                                   {"iOS", HostSystem::Apple},         {"Linux", HostSystem::Linux},
                                   {"macOS", HostSystem::Apple},       {"Windows", HostSystem::Windows}};

struct Word {
  std::string_view word;
  ClientSystem system;
};
constexpr SystemConfidence kLow = SystemConfidence::Low, kMedium = SystemConfidence::Medium;
// The first one that stands in a User-Agent counts: many name others, too, that they are like.
constexpr Word kWords[] = {{"Windows Phone", {"Windows Phone", HostSystem::Unknown, kMedium}},
                           {"Android", {"Android", HostSystem::Linux, kMedium}},
                           {"iPhone", {"iOS", HostSystem::Apple, kMedium}},
                           {"iPad", {"iOS", HostSystem::Apple, kMedium}},
                           {"iPod", {"iOS", HostSystem::Apple, kMedium}},
                           {"CrOS", {"Chrome OS", HostSystem::Linux, kMedium}},
                           {"Windows", {"Windows", HostSystem::Windows, kMedium}},
                           {"Microsoft-CryptoAPI", {"Windows", HostSystem::Windows, kMedium}},
                           {"Microsoft BITS", {"Windows", HostSystem::Windows, kMedium}},
                           {"Microsoft NCSI", {"Windows", HostSystem::Windows, kMedium}},
                           {"Macintosh", {"macOS", HostSystem::Apple, kLow}},
                           {"Mac OS X", {"macOS", HostSystem::Apple, kLow}},
                           {"macOS", {"macOS", HostSystem::Apple, kMedium}},
                           {"Darwin/", {"Darwin", HostSystem::Apple, kMedium}},
                           {"FreeBSD", {"FreeBSD", HostSystem::FreeBsd, kMedium}},
                           {"OpenBSD", {"OpenBSD", HostSystem::OpenBsd, kMedium}},
                           {"X11; Linux", {"Linux", HostSystem::Linux, kLow}},
                           {"Linux", {"Linux", HostSystem::Linux, kMedium}},
                           {"linux-gnu", {"Linux", HostSystem::Linux, kMedium}},
                           {"Ubuntu", {"Linux", HostSystem::Linux, kMedium}},
                           {"Debian", {"Linux", HostSystem::Linux, kMedium}}};

bool contains(std::string_view text, std::string_view word) {
  return text.find(word) != std::string_view::npos;
}

}  // namespace

std::optional<ClientSystem> read_client_system(std::string_view platform, std::string_view user_agent) {
  if (platform.size() > 2 && platform.front() == '"' && platform.back() == '"') {
    const std::string_view name = platform.substr(1, platform.size() - 2);
    const auto* const found = std::find_if(std::begin(kPlatforms), std::end(kPlatforms),
                                           [&](const Platform& one) { return one.name == name; });
    if (found != std::end(kPlatforms)) return ClientSystem{found->name, found->family, SystemConfidence::High};
  }
  if (contains(user_agent, "+http")) return std::nullopt;  // a crawler, which calls itself what pages are made for
  const auto* const found = std::find_if(std::begin(kWords), std::end(kWords),
                                         [&](const Word& one) { return contains(user_agent, one.word); });
  if (found == std::end(kWords)) return std::nullopt;
  return found->system;
}

}  // namespace microcloud
