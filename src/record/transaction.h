// What the record of every transaction has beside the common elements: when it began, its number in its flow, and what
// was missing or cut.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "record/field.h"

namespace microcloud {

/// Reasons why a record does not say all, each once; a reason is text of the program, never of a peer.
struct Partial {
  List<std::string_view, 6> reasons;

  void add(std::string_view reason) {
    const auto* end = reasons.items.data() + reasons.count;
    if (std::find(static_cast<const std::string_view*>(reasons.items.data()), end, reason) == end) reasons.push(reason);
  }
};

template <>
struct ValueOf<Partial> : ValueOf<List<std::string_view, 6>> {
  static Value read(const Partial& from, Scratch& scratch) {
    return ValueOf<List<std::string_view, 6>>::read(from.reasons, scratch);
  }
};

namespace detail {

template <typename Body, size_t Own, size_t... At>
static constexpr std::array<Field, Own + 3> behind_common_rows(const Field (&own)[Own], std::index_sequence<At...>) {
  return {field<&Body::observed>("observationTimeMilliseconds", {"OBSERVATION_TIME_MILLISECONDS", pen::kIana, 323},
                                 "first packet of the transaction, since 1970", Role::Default, Unit::Milliseconds),
          field<&Body::index>("transactionIndex", {"", pen::kOwn, 91}, "1, 2, ...: which transaction of its flow",
                              Role::Identifier),
          field<&Body::partial>("partial", {"", pen::kOwn, 92}, "what was missing or cut, in words", Role::List),
          own[At]...};
}

}  // namespace detail

/// The rows that every transaction has, then its own. `Body` has these members:
///   Milliseconds observed;  // of its first packet
///   uint32_t index;         // 1, 2, ... in its flow
///   Partial partial;
// static, here and above: see record/field.h, bodies have no linkage.
template <typename Body, size_t Own>
static constexpr std::array<Field, Own + 3> transaction_fields(const Field (&own)[Own]) {
  return detail::behind_common_rows<Body>(own, std::make_index_sequence<Own>());
}

/// Microseconds as a record has them; nothing when the clock went back.
constexpr std::optional<uint32_t> latency_us(int64_t from_us, int64_t to_us) {
  if (to_us < from_us || to_us - from_us > UINT32_MAX) return std::nullopt;
  return static_cast<uint32_t>(to_us - from_us);
}

/// Rounds down, before 1970 too.
constexpr Milliseconds to_milliseconds(int64_t time_us) {
  return {time_us >= 0 ? time_us / 1000 : (time_us - 999) / 1000};
}

}  // namespace microcloud
