// What a record makes grow in the MicroCloud, as data beside its fields: counters of the hosts that it names, and
// traffic.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

#include "base/address.h"
#include "record/field.h"

namespace microcloud {

/// Whose counters grow: the host in the record's source or destination (key ip.<address>).
enum class Entity : uint8_t { Source, Destination };

namespace detail {

// static: see field.h.
template <auto Source>
static uint64_t cloud_number(const void* from) {
  using Type = std::remove_const_t<typename MemberOf<decltype(Source)>::Type>;
  const auto& owner = *static_cast<const typename MemberOf<decltype(Source)>::From*>(from);
  static_assert(std::is_integral_v<Type>);
  if constexpr (std::is_member_object_pointer_v<decltype(Source)>) {
    return static_cast<uint64_t>(owner.*Source);
  } else {
    return static_cast<uint64_t>(Source(owner));
  }
}

template <auto Source>
static bool cloud_equals(const void* from, uint64_t value) {
  const auto& owner = *static_cast<const typename MemberOf<decltype(Source)>::From*>(from);
  if constexpr (std::is_member_object_pointer_v<decltype(Source)>) {
    return owner.*Source == value;
  } else {
    return Source(owner) == value;
  }
}

}  // namespace detail

/// One row: `grow(Entity::Source, "dns.nxdomain", "...").when<&Transaction::code>(3)`.
struct CloudRule {
  Entity entity;
  std::string_view field;  // of the key; lives as long as the program
  std::string_view meaning;
  uint64_t (*amount)(const void* body) = nullptr;             // null: by 1
  bool (*holds)(const void* body, uint64_t value) = nullptr;  // null: always
  uint64_t value = 0;

  /// Only when the member, or function of the body, has this value; an absent one has none.
  template <auto Source>
  constexpr CloudRule when(uint64_t wanted) const {
    CloudRule rule = *this;
    rule.holds = &detail::cloud_equals<Source>;
    rule.value = wanted;
    return rule;
  }
  /// By the member, or function of the body, and not by 1.
  template <auto Source>
  constexpr CloudRule by() const {
    CloudRule rule = *this;
    rule.amount = &detail::cloud_number<Source>;
    return rule;
  }
};

constexpr CloudRule grow(Entity entity, std::string_view field, std::string_view meaning) {
  return {entity, field, meaning};
}

/// What a record says about traffic: the keys ip., mac., vlan., proto. and port. grow by it. All of it is since the
/// last record of the same flow.
struct Traffic {
  int64_t start_ms = 0;  // since 1970
  int64_t end_ms = 0;
  uint64_t octets = 0;  // from source to destination
  uint64_t packets = 0;
  uint64_t reverse_octets = 0;
  uint64_t reverse_packets = 0;
  bool begins_flow = true;  // the first record of its flow: flows are counted by it
  std::optional<Mac> source_mac;
  std::optional<Mac> destination_mac;
  std::optional<std::string_view> application;
};

}  // namespace microcloud
