// Records as JSON lines (RFC 8259, one object a line).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "record/record.h"

namespace microcloud {

/// Appends `text` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);

/// Writes records of any type. The names are prepared once a type, so that a line costs little more than its values.
class JsonWriter {
 public:
  JsonWriter();
  /// Appends one line, its end included.
  void append(const RecordRef& record, std::string& out);

 private:
  struct Prepared {
    const RecordType* type;
    std::string opening;             // {"record":"flow"
    std::vector<std::string> names;  // ,"name": of each field
  };
  const Prepared& prepare(const RecordType& type);

  std::vector<std::string> common_names_;
  std::vector<Prepared> types_;
};

}  // namespace microcloud
