// One row a field: name, numbers, meaning, and the member it reads. Everything that outputs need follows from the row.
#pragma once

#include <cstdint>
#include <new>
#include <string_view>
#include <type_traits>

#include "record/value.h"
#include "record/wire.h"

namespace microcloud {

/// Private Enterprise Numbers (IANA): 0 are the elements of the IPFIX registry itself.
namespace pen {
inline constexpr uint32_t kIana = 0;
inline constexpr uint32_t kReverse = 29305;  // the other direction of a biflow (RFC 5103)
inline constexpr uint32_t kNtop = 35632;
inline constexpr uint32_t kOwn = 0xffffffff;  // stands for the number that the user gives
}  // namespace pen

/// The element's numbers. NetFlow v9 has no enterprises: there ntop's n is 57472 + n, and an own element has none (0).
struct Element {
  std::string_view label;  // as in NetFlow templates (%IN_BYTES); empty: the name itself
  uint32_t pen = pen::kIana;
  uint16_t id = 0;
  uint16_t v9 = 0;

  constexpr Element(std::string_view label_, uint32_t pen_, uint16_t id_)
      : label(label_),
        pen(pen_),
        id(id_),
        v9(pen_ == pen::kIana   ? id_
           : pen_ == pen::kNtop ? static_cast<uint16_t>(57472 + id_)
                                : uint16_t{0}) {}
  constexpr Element(std::string_view label_, uint32_t pen_, uint16_t id_, uint16_t v9_)
      : label(label_), pen(pen_), id(id_), v9(v9_) {}
};

/// What a number means when records are summed (the semantics of RFC 7012, 3.2).
enum class Role : uint8_t { Default, Quantity, DeltaCounter, Identifier, Flags, List };
enum class Unit : uint8_t { None, Octets, Packets, Seconds, Milliseconds, Microseconds };

std::string_view to_text(DataType type);
std::string_view to_text(Role role);
std::string_view to_text(Unit unit);

struct Field {
  using Reader = Value (*)(const void* from, Scratch&);
  using Writer = char* (*)(const void* from, char* out);
  using Presence = bool (*)(const void* from);

  std::string_view name;
  Element element;
  std::string_view meaning;
  Role role;
  Unit unit;
  DataType type;
  DataType item_type;  // of a list; else the same as `type`
  Reader read;         // from the struct whose member (or function of it) the row names
  uint16_t wire_size;  // octets in a data record, or kVariableSize
  Writer write;        // what stands in a data record (wire.h), without the way through a Value; null: variable size
  Presence has;        // of variable size: whether there is a value; null: `write` tells
};

namespace detail {

template <typename T>
struct MemberOf;
template <typename Owner, typename T>
struct MemberOf<T Owner::*> {
  using From = Owner;
  using Type = T;
};
template <typename Owner, typename T>
struct MemberOf<T (*)(const Owner&)> {
  using From = Owner;
  using Type = T;
};
template <typename Owner>
struct MemberOf<std::string_view (*)(const Owner&, Scratch&)> {
  using From = Owner;
  using Type = std::string_view;
};

template <typename T>
constexpr DataType item_type() {
  if constexpr (requires { ValueOf<T>::kItemType; }) return ValueOf<T>::kItemType;
  return ValueOf<T>::kType;
}

// static, here and below: of a struct without linkage g++ 12 makes these weak symbols all the same, so that two files
// with a member of the same name would share one reader (a pointer to member as template argument does not make them
// local).
template <auto Source>
static Value read(const void* from, Scratch& scratch) {
  using Member = MemberOf<decltype(Source)>;
  using Type = std::remove_const_t<typename Member::Type>;
  const auto& owner = *static_cast<const typename Member::From*>(from);
  if constexpr (std::is_member_object_pointer_v<decltype(Source)>) {
    return ValueOf<Type>::read(owner.*Source, scratch);
  } else if constexpr (std::is_invocable_v<decltype(Source), decltype(owner), Scratch&>) {
    return ValueOf<Type>::read(Source(owner, scratch), scratch);
  } else {
    static_assert(sizeof(Type) <= sizeof(Scratch) && std::is_trivially_destructible_v<Type>);
    const Type* kept = new (scratch.room.data()) Type(Source(owner));
    return ValueOf<Type>::read(*kept, scratch);
  }
}

template <auto Source>
static char* write(const void* from, char* out) {
  using Member = MemberOf<decltype(Source)>;
  using Wire = WireOf<std::remove_const_t<typename Member::Type>>;
  const auto& owner = *static_cast<const typename Member::From*>(from);
  if constexpr (std::is_member_object_pointer_v<decltype(Source)>) {
    return Wire::put(out, owner.*Source);
  } else {
    return Wire::put(out, Source(owner));
  }
}

template <auto Source, uint16_t Size>
static constexpr Field::Writer writer() {
  if constexpr (Size == kVariableSize) {
    return nullptr;
  } else {
    return &write<Source>;
  }
}

/// Of a text or list: cheap to ask, as nothing is made of it (read() gives a view).
template <typename Type>
static bool is_there(const Type& value) {
  Scratch scratch;
  return ValueOf<Type>::read(value, scratch).kind != Value::Kind::Absent;
}

/// Whether read() gives a value; of a function that writes a text to the scratch it always does, and that is not done.
template <auto Source>
static bool has(const void* from) {
  const auto& owner = *static_cast<const typename MemberOf<decltype(Source)>::From*>(from);
  if constexpr (std::is_member_object_pointer_v<decltype(Source)>) {
    return is_there(owner.*Source);
  } else if constexpr (std::is_invocable_v<decltype(Source), decltype(owner), Scratch&>) {
    return true;
  } else {
    return is_there(Source(owner));
  }
}

template <auto Source, uint16_t Size>
static constexpr Field::Presence presence() {
  if constexpr (Size == kVariableSize) {
    return &has<Source>;
  } else {
    return nullptr;
  }
}

}  // namespace detail

/// `Source`: a member of the struct, a function of it that returns a value, or one that writes its text to the scratch.
template <auto Source>
static constexpr Field field(std::string_view name, Element element, std::string_view meaning,
                             Role role = Role::Default, Unit unit = Unit::None) {
  using Type = std::remove_const_t<typename detail::MemberOf<decltype(Source)>::Type>;
  constexpr uint16_t kSize = WireOf<Type>::kSize;
  return {name,
          element,
          meaning,
          role,
          unit,
          ValueOf<Type>::kType,
          detail::item_type<Type>(),
          &detail::read<Source>,
          kSize,
          detail::writer<Source, kSize>(),
          detail::presence<Source, kSize>()};
}

}  // namespace microcloud
