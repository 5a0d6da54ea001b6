// What stands under one key of the live view.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cloud/merge_buffer.h"

namespace microcloud {

struct Entry {
  enum class Type : uint8_t { None, String, Hash, SortedSet };
  using Fields = std::vector<std::pair<std::string, std::string>>;
  Type type = Type::None;
  std::string text;                                      // String
  Fields fields;                                         // Hash
  std::vector<std::pair<std::string, int64_t>> members;  // SortedSet: the smallest score first, then by name

  std::string_view type_name() const;
  /// nullptr: there is no such field.
  const std::string* field(std::string_view name) const;
  /// About so many bytes in memory.
  size_t bytes() const;

  static Entry of(const KeyUpdate& update);
  static Entry of_fields(Fields fields);
};

}  // namespace microcloud
