#include "record/catalogue.h"

#include <algorithm>
#include <array>

#include "record/json.h"
#include "record/template.h"

namespace microcloud {
namespace {

std::string type_text(const Field& field) {
  std::string text(to_text(field.type));
  if (field.type == DataType::BasicList) text += " of " + std::string(to_text(field.item_type));
  return text;
}

std::string element_text(const Element& element) {
  const std::string id = std::to_string(element.id);
  switch (element.pen) {
    case pen::kIana:
      return id;
    case pen::kReverse:
      return "reverse " + id;
    case pen::kOwn:
      return "own " + id;
    default:
      return std::to_string(element.pen) + "." + id;
  }
}

std::string padded(std::string text, size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

std::string label_text(const Field& field) {
  return field.element.label.empty() ? std::string() : std::string(field.element.label);
}

using TextRow = std::array<std::string, 6>;

TextRow text_row(const Field& field) {
  return {std::string(field.name),          label_text(field),         element_text(field.element), type_text(field),
          std::string(to_text(field.unit)), std::string(field.meaning)};
}

/// Each column as wide as its widest value.
class TextTable {
 public:
  explicit TextTable(RecordTypes types) {
    widen(common_fields());
    widen(derived_fields());
    for (const RecordType* type : types) widen(type->fields);
  }
  void append(std::string& out, std::span<const Field> fields) const {
    for (const Field& field : fields) {
      const TextRow row = text_row(field);
      out += "  ";
      for (size_t at = 0; at + 1 < row.size(); ++at) out += padded(row[at], widths_[at] + 2);
      out += row.back() + "\n";
    }
  }

 private:
  void widen(std::span<const Field> fields) {
    for (const Field& field : fields) {
      const TextRow row = text_row(field);
      for (size_t at = 0; at < row.size(); ++at) widths_[at] = std::max(widths_[at], row[at].size());
    }
  }
  std::array<size_t, 6> widths_{};
};

template <typename Each>
std::string joined(std::span<const Field> fields, const Each& each) {
  std::string out;
  for (const Field& field : fields) {
    if (!out.empty()) out += ',';
    out += each(field);
  }
  return out;
}

std::string quoted(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

std::string json_row(const Field& field) {
  std::string out = "\n{\"name\":" + quoted(field.name);
  if (!field.element.label.empty()) out += ",\"label\":" + quoted(field.element.label);
  if (field.element.pen == pen::kOwn) {
    out += ",\"pen\":\"own\"";
  } else {
    out += ",\"pen\":" + std::to_string(field.element.pen);
  }
  out += ",\"id\":" + std::to_string(field.element.id);
  if (field.element.v9 != 0) out += ",\"v9\":" + std::to_string(field.element.v9);
  out += ",\"type\":" + quoted(to_text(field.type));
  if (field.type == DataType::BasicList) out += ",\"items\":" + quoted(to_text(field.item_type));
  out += ",\"semantics\":" + quoted(to_text(field.role));
  if (field.unit != Unit::None) out += ",\"unit\":" + quoted(to_text(field.unit));
  return out + ",\"meaning\":" + quoted(field.meaning) + "}";
}

std::string unsigned_schema(std::string_view maximum) {
  return R"({"type":"integer","minimum":0,"maximum":)" + std::string(maximum) + "}";
}

std::string type_schema(DataType type) {
  switch (type) {
    case DataType::Unsigned8:
      return unsigned_schema("255");
    case DataType::Unsigned16:
      return unsigned_schema("65535");
    case DataType::Unsigned32:
      return unsigned_schema("4294967295");
    case DataType::Unsigned64:
      return unsigned_schema("18446744073709551615");
    case DataType::Signed32:
      return R"({"type":"integer","minimum":-2147483648,"maximum":2147483647})";
    case DataType::Float64:
      return R"({"type":"number"})";
    case DataType::Milliseconds:
      return R"({"type":"integer"})";
    case DataType::Boolean:
      return R"({"type":"boolean"})";
    case DataType::OctetArray:
      return R"({"type":"string","pattern":"^0x([0-9a-f]{2})*$"})";
    case DataType::Ipv4:
      return R"({"type":"string","pattern":"^[0-9]{1,3}(\\.[0-9]{1,3}){3}$"})";
    case DataType::Ipv6:
      return R"({"type":"string","pattern":"^[0-9a-f:.]{2,45}$"})";
    case DataType::MacAddress:
      return R"({"type":"string","pattern":"^[0-9a-f]{2}(:[0-9a-f]{2}){5}$"})";
    case DataType::String:
      return R"({"type":"string"})";
    case DataType::BasicList:
      break;
  }
  return {};
}

std::string property(const Field& field) {
  const std::string schema = field.type == DataType::BasicList
                                 ? R"({"type":"array","minItems":1,"items":)" + type_schema(field.item_type) + "}"
                                 : type_schema(field.type);
  return "\n  " + quoted(field.name) + ":" + schema;
}

std::string entity_text(const CloudRule& rule) {
  return rule.entity == Entity::Source ? "source" : "destination";
}

constexpr std::string_view kHealthMeaning =
    "requests, errors; delay.<us> and network.<us>: so many answers and connections took so long (docs/keys.md)";

/// Calls `each(field, key, meaning)` for what grows beside the hosts' counters.
template <typename Each>
void for_each_tree_counter(const RecordType& type, const Each& each) {
  if (type.service != nullptr) each("requests, ...", "service.<tcp|udp>.<ip>.<port>", kHealthMeaning);
  for (const CloudTree& tree : type.trees) {
    if (tree.has_health) each("requests, ...", tree.pattern, kHealthMeaning);
    for (const CloudRule& rule : tree.counters) each(rule.field, tree.pattern, rule.meaning);
  }
}

std::string texts_text(const RecordType& type) {
  std::string out;
  for (const TreeText& one : type.texts)
    out +=
        "  text " + std::string(one.field) + " of " + std::string(one.pattern) + ": " + std::string(one.meaning) + "\n";
  return out;
}

std::string texts_json(const RecordType& type) {
  std::string out;
  for (const TreeText& one : type.texts) {
    out += out.empty() ? ",\"texts\":[" : ",";
    out += "\n{\"key\":" + quoted(one.pattern) + ",\"field\":" + quoted(one.field) +
           ",\"meaning\":" + quoted(one.meaning) + "}";
  }
  return out.empty() ? out : out + "]";
}

std::string texts_markdown(const RecordType& type) {
  std::string out;
  for (const TreeText& one : type.texts) {
    if (out.empty()) out = "\n| text in the MicroCloud | of key | meaning |\n|---|---|---|\n";
    out += "| `" + std::string(one.field) + "` | `" + std::string(one.pattern) + "` | " + std::string(one.meaning) +
           " |\n";
  }
  return out;
}

std::string counters_text(const RecordType& type) {
  std::string out;
  for (const CloudRule& rule : type.cloud) {
    out += "  counter " + std::string(rule.field) + " of ip.<" + entity_text(rule) + ">: " + std::string(rule.meaning) +
           "\n";
  }
  for_each_tree_counter(type, [&](std::string_view field, std::string_view key, std::string_view meaning) {
    out += "  counter " + std::string(field) + " of " + std::string(key) + ": " + std::string(meaning) + "\n";
  });
  return out;
}

std::string counters_json(const RecordType& type) {
  std::string out;
  for (const CloudRule& rule : type.cloud) {
    out += out.empty() ? ",\"counters\":[" : ",";
    out += "\n{\"key\":\"ip.<" + entity_text(rule) + ">\",\"field\":" + quoted(rule.field) +
           ",\"meaning\":" + quoted(rule.meaning) + "}";
  }
  for_each_tree_counter(type, [&](std::string_view field, std::string_view key, std::string_view meaning) {
    out += out.empty() ? ",\"counters\":[" : ",";
    out += "\n{\"key\":" + quoted(key) + ",\"field\":" + quoted(field) + ",\"meaning\":" + quoted(meaning) + "}";
  });
  return out.empty() ? out : out + "]";
}

std::string counters_markdown(const RecordType& type) {
  std::string out;
  const auto row = [&](std::string_view field, const std::string& key, std::string_view meaning) {
    if (out.empty()) out = "\n| counter in the MicroCloud | of key | meaning |\n|---|---|---|\n";
    out += "| `" + std::string(field) + "` | `" + key + "` | " + std::string(meaning) + " |\n";
  };
  for (const CloudRule& rule : type.cloud) row(rule.field, "ip.<" + entity_text(rule) + ">", rule.meaning);
  for_each_tree_counter(type, [&](std::string_view field, std::string_view key, std::string_view meaning) {
    std::string escaped(key);  // in a table a bar ends the cell
    for (size_t at = escaped.find('|'); at != std::string::npos; at = escaped.find('|', at + 2))
      escaped.insert(at, 1, '\\');
    row(field, escaped, meaning);
  });
  return out;
}

}  // namespace

std::string catalogue_text(RecordTypes types) {
  const TextTable table(types);
  std::string out = "Every record\n";
  table.append(out, common_fields());
  for (const RecordType* type : types) {
    out += "\n" + std::string(type->name) + ": one record per " + std::string(type->meaning) + "\n";
    table.append(out, type->fields);
    out += counters_text(*type) + texts_text(*type);
  }
  out += "\nOnly in exports of flows\n";
  table.append(out, derived_fields());
  return out;
}

std::string catalogue_json(RecordTypes types) {
  std::string out = "{\"common\":[" + joined(common_fields(), json_row) + "],\n\"records\":[";
  for (const RecordType* type : types) {
    if (type != types.front()) out += ',';
    out += "\n{\"record\":" + quoted(type->name) + ",\"one per\":" + quoted(type->meaning) + ",\"elements\":[" +
           joined(type->fields, json_row) + "]" + counters_json(*type) + texts_json(*type) + "}";
  }
  return out + "],\n\"exports\":[" + joined(derived_fields(), json_row) + "]}\n";
}

std::string catalogue_markdown(RecordTypes types) {
  const auto table = [](std::span<const Field> fields) {
    std::string out =
        "| element | NetFlow label | IPFIX | NetFlow v9 | type | unit | meaning |\n|---|---|---|---|---|---|---|\n";
    for (const Field& field : fields) {
      out += "| `" + std::string(field.name) + "` | " +
             (field.element.label.empty() ? "" : "`%" + label_text(field) + "`") + " | " + element_text(field.element) +
             " | " + (field.element.v9 != 0 ? std::to_string(field.element.v9) : "") + " | " + type_text(field) +
             " | " + std::string(to_text(field.unit)) + " | " + std::string(field.meaning) + " |\n";
    }
    return out;
  };
  std::string out =
      "# Records and their elements\n\n"
      "Made by `microcloud fields --markdown`; do not edit. In the column IPFIX a bare number is an element of the "
      "IANA registry,\n"
      "`reverse n` the other direction of element n (RFC 5103, PEN 29305), `own n` an element under the PEN that "
      "`--pen` gives.\n"
      "An element that is not known is absent from a JSON line.\n\n## Every record\n\n" +
      table(common_fields());
  for (const RecordType* type : types) {
    out += "\n## `" + std::string(type->name) + "`\n\nOne record per " + std::string(type->meaning) + ".\n\n" +
           table(type->fields) + counters_markdown(*type) + texts_markdown(*type);
  }
  out += "\n## Only in exports of flows\n\nWhat no JSON line has.\n\n" + table(derived_fields());
  return out;
}

std::string catalogue_schema(RecordTypes types) {
  std::string out =
      "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\n\"title\":\"MicroCloud record\",\n\"oneOf\":[";
  for (const RecordType* type : types) {
    if (type != types.front()) out += ',';
    out +=
        "\n{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"record\",\"protocolIdentifier\","
        "\"flowId\"],\n "
        "\"properties\":{\n  \"record\":{\"const\":" +
        quoted(type->name) + "}," + joined(common_fields(), property);
    if (!type->fields.empty()) out += "," + joined(type->fields, property);
    out += "}}";
  }
  return out + "]}\n";
}

}  // namespace microcloud
