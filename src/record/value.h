// One value of a record, read through its field: what every output writes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/address.h"
#include "base/cursor.h"

namespace microcloud {

/// IPFIX abstract data types (RFC 7011, 6.1; RFC 6313 for lists), as far as fields have them.
enum class DataType : uint8_t {
  Unsigned8,
  Unsigned16,
  Unsigned32,
  Unsigned64,
  Signed32,
  Float64,
  Boolean,
  String,
  OctetArray,
  Ipv4,
  Ipv6,
  MacAddress,
  Milliseconds,
  BasicList
};

/// Text whose bytes stand in the record; never longer than Size.
template <size_t Size>
struct Text {
  static_assert(Size < 65536);
  uint16_t length = 0;
  std::array<char, Size> bytes;

  void assign(std::string_view text) {
    length = static_cast<uint16_t>(text.size() < Size ? text.size() : Size);
    text.copy(bytes.data(), length);
  }
  std::string_view view() const { return {bytes.data(), length}; }
};

/// A list with a bound; push() answers false when it is full.
template <typename Item, size_t Size>
struct List {
  static_assert(Size < 256);
  uint8_t count = 0;
  std::array<Item, Size> items;

  bool push(const Item& item) {
    if (count == Size) return false;
    items[count++] = item;
    return true;
  }
};

/// Milliseconds since 1970.
struct Milliseconds {
  int64_t value = 0;
};

/// Octets without further structure (IPFIX octetArray).
template <size_t Size>
struct Octets {
  std::array<uint8_t, Size> bytes;
};

/// Room for a value that is computed when it is read.
struct Scratch {
  alignas(8) std::array<char, 64> room;
};

struct Value {
  enum class Kind : uint8_t { Absent, Unsigned, Signed, Float, Boolean, Text, Octets, Ipv4, Ipv6, Mac, List };
  using ItemReader = Value (*)(const void* items, size_t at, Scratch&);

  Kind kind = Kind::Absent;
  uint32_t size = 0;  // bytes of text, octets or address; items of a list
  union {
    uint64_t number = 0;  // Unsigned, Boolean
    int64_t signed_number;
    double real_number;
    const void* data;  // text, octets, address bytes, or a list's items: in the record or the scratch
  };
  ItemReader item = nullptr;  // of a list

  static Value of(Kind kind, const void* data, size_t size) {
    Value value;
    value.kind = kind;
    value.size = static_cast<uint32_t>(size);
    value.data = data;
    return value;
  }
  static Value of_number(uint64_t number, Kind kind = Kind::Unsigned) {
    Value value;
    value.kind = kind;
    value.number = number;
    return value;
  }
  std::string_view text() const { return {static_cast<const char*>(data), size}; }
  Bytes octets() const { return {static_cast<const uint8_t*>(data), size}; }
};

/// How a member's type becomes a value; a room may add its own types by specialising it.
template <typename T>
struct ValueOf;

template <DataType Type>
struct UnsignedValueOf {
  static constexpr DataType kType = Type;
  static Value read(uint64_t from, Scratch&) { return Value::of_number(from); }
};
template <>
struct ValueOf<uint8_t> : UnsignedValueOf<DataType::Unsigned8> {};
template <>
struct ValueOf<uint16_t> : UnsignedValueOf<DataType::Unsigned16> {};
template <>
struct ValueOf<uint32_t> : UnsignedValueOf<DataType::Unsigned32> {};
template <>
struct ValueOf<uint64_t> : UnsignedValueOf<DataType::Unsigned64> {};

template <>
struct ValueOf<int32_t> {
  static constexpr DataType kType = DataType::Signed32;
  static Value read(int32_t from, Scratch&) {
    Value value;
    value.kind = Value::Kind::Signed;
    value.signed_number = from;
    return value;
  }
};

template <>
struct ValueOf<double> {
  static constexpr DataType kType = DataType::Float64;
  static Value read(double from, Scratch&) {
    Value value;
    value.kind = Value::Kind::Float;
    value.real_number = from;
    return value;
  }
};

template <>
struct ValueOf<bool> {
  static constexpr DataType kType = DataType::Boolean;
  static Value read(bool from, Scratch&) { return Value::of_number(from ? 1 : 0, Value::Kind::Boolean); }
};

template <>
struct ValueOf<Milliseconds> {
  static constexpr DataType kType = DataType::Milliseconds;
  static Value read(const Milliseconds& from, Scratch&) {
    Value value;
    value.kind = Value::Kind::Signed;
    value.signed_number = from.value;
    return value;
  }
};

template <>
struct ValueOf<Mac> {
  static constexpr DataType kType = DataType::MacAddress;
  static Value read(const Mac& from, Scratch&) { return Value::of(Value::Kind::Mac, from.bytes.data(), 6); }
};
template <>
struct ValueOf<Ipv4> {
  static constexpr DataType kType = DataType::Ipv4;
  static Value read(const Ipv4& from, Scratch&) { return Value::of(Value::Kind::Ipv4, from.bytes.data(), 4); }
};
template <>
struct ValueOf<Ipv6> {
  static constexpr DataType kType = DataType::Ipv6;
  static Value read(const Ipv6& from, Scratch&) { return Value::of(Value::Kind::Ipv6, from.bytes.data(), 16); }
};

template <size_t Size>
struct ValueOf<Octets<Size>> {
  static constexpr DataType kType = DataType::OctetArray;
  static Value read(const Octets<Size>& from, Scratch&) {
    return Value::of(Value::Kind::Octets, from.bytes.data(), Size);
  }
};
template <size_t Size>
struct ValueOf<Text<Size>> {
  static constexpr DataType kType = DataType::String;
  static Value read(const Text<Size>& from, Scratch&) {
    return Value::of(Value::Kind::Text, from.bytes.data(), from.length);
  }
};
template <>
struct ValueOf<std::string_view> {
  static constexpr DataType kType = DataType::String;
  static Value read(std::string_view from, Scratch&) { return Value::of(Value::Kind::Text, from.data(), from.size()); }
};

template <typename T>
struct ValueOf<std::optional<T>> {
  static constexpr DataType kType = ValueOf<T>::kType;
  static Value read(const std::optional<T>& from, Scratch& scratch) {
    return from ? ValueOf<T>::read(*from, scratch) : Value{};
  }
};

template <typename Item, size_t Size>
struct ValueOf<List<Item, Size>> {
  static constexpr DataType kType = DataType::BasicList;
  static constexpr DataType kItemType = ValueOf<Item>::kType;
  static Value read(const List<Item, Size>& from, Scratch&) {
    if (from.count == 0) return {};
    Value value = Value::of(Value::Kind::List, from.items.data(), from.count);
    value.item = [](const void* items, size_t at, Scratch& scratch) {
      return ValueOf<Item>::read(static_cast<const Item*>(items)[at], scratch);
    };
    return value;
  }
};

}  // namespace microcloud
