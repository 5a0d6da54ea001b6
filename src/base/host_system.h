// Families of operating systems that a host's traffic tells apart.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace microcloud {

enum class HostSystem : uint8_t { Unknown, Linux, Windows, Apple, FreeBsd, OpenBsd, kCount };

/// As the field `os` of a host has it; empty: unknown.
constexpr std::string_view to_text(HostSystem system) {
  constexpr std::string_view kNames[] = {"", "Linux", "Windows", "Apple", "FreeBSD", "OpenBSD"};
  static_assert(sizeof kNames / sizeof *kNames == static_cast<size_t>(HostSystem::kCount));
  return kNames[static_cast<size_t>(system)];
}

}  // namespace microcloud
