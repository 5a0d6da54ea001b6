// What is listed of record types is what they carry: every field once, in each of the forms.
#include "record/catalogue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "record/json_grammar_test.h"
#include "record/template.h"

namespace microcloud {
namespace {

struct Body {
  uint64_t octets = 0;
  uint8_t reason = 0;
  Text<10> name;
  List<Ipv4, 3> answers;
  std::optional<Octets<3>> label;
};

constexpr Field kFields[] = {
    field<&Body::octets>("octetDeltaCount", {"IN_BYTES", pen::kIana, 1}, "sum of lengths", Role::DeltaCounter,
                         Unit::Octets),
    field<&Body::octets>("reverseOctetDeltaCount", {"OUT_BYTES", pen::kReverse, 1, 23}, "the other way",
                         Role::DeltaCounter, Unit::Octets),
    field<&Body::reason>("toyReason", {"", pen::kOwn, 901}, "one of \"few\"", Role::Identifier),
    field<&Body::name>("toyName", {"TOY_NAME", pen::kNtop, 205}, "a name"),
    field<&Body::answers>("toyAnswers", {"", pen::kOwn, 902}, "addresses", Role::List),
    field<&Body::label>("toyLabel", {"", pen::kOwn, 903}, "three octets"),
};
const RecordType kToy{"toy", "toy that ended", kFields, sizeof(Body)};
const RecordType kBare{"bare", "nothing", {}, sizeof(Body)};
const RecordType* const kTypes[] = {&kToy, &kBare};

std::vector<std::string> lines_of(const std::string& text, const std::string& start) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(start)) lines.push_back(line.substr(start.size()));
  }
  return lines;
}

/// The names of the common fields and, where said, of kToy and of exports, each with what stands around it.
std::vector<std::string> names(bool toy, const std::string& before, const std::string& behind, bool exports = true) {
  std::vector<std::string> list;
  const auto take = [&](const Field& field) { list.emplace_back(before).append(field.name).append(behind); };
  for (const Field& field : common_fields()) take(field);
  for (const Field& field : kFields) {
    if (toy) take(field);
  }
  for (const Field& field : derived_fields()) {
    if (exports) take(field);
  }
  return list;
}

bool starts_like(const std::vector<std::string>& lines, const std::vector<std::string>& starts) {
  return std::equal(lines.begin(), lines.end(), starts.begin(), starts.end(),
                    [](const std::string& line, const std::string& start) { return line.starts_with(start); });
}

TEST(Catalogue, EveryFormListsExactlyTheFields) {
  EXPECT_TRUE(starts_like(lines_of(catalogue_text(kTypes), "  "), names(true, "", " "))) << catalogue_text(kTypes);
  EXPECT_TRUE(starts_like(lines_of(catalogue_markdown(kTypes), "| `"), names(true, "", "` |")))
      << catalogue_markdown(kTypes);
  EXPECT_TRUE(starts_like(lines_of(catalogue_json(kTypes), "{\"name\":"), names(true, "\"", "\",")))
      << catalogue_json(kTypes);
}

TEST(Catalogue, SchemaAllowsExactlyTheFieldsOfEachType) {
  const std::string schema = catalogue_schema(kTypes);
  ASSERT_TRUE(JsonGrammar::accepts(schema)) << schema;
  const size_t toy = schema.find("\"record\":{\"const\":\"toy\"}");
  const size_t bare = schema.find("\"record\":{\"const\":\"bare\"}");
  ASSERT_LT(toy, bare);
  ASSERT_NE(bare, std::string::npos);
  EXPECT_TRUE(starts_like(lines_of(schema.substr(toy, bare - toy), "  \""), names(true, "", "\":{", false))) << schema;
  EXPECT_TRUE(starts_like(lines_of(schema.substr(bare), "  \""), names(false, "", "\":{", false))) << schema;
  EXPECT_EQ(lines_of(schema, "{\"type\":\"object\",\"additionalProperties\":false,").size(), 2U);
}

TEST(Catalogue, SchemaSaysOfWhatKindAFieldIs) {
  const std::string schema = catalogue_schema(kTypes);
  for (const char* part :
       {R"("octetDeltaCount":{"type":"integer","minimum":0,"maximum":18446744073709551615})",
        R"("toyReason":{"type":"integer","minimum":0,"maximum":255})", R"("toyName":{"type":"string"})",
        R"("toyAnswers":{"type":"array","minItems":1,"items":{"type":"string",)",
        R"("toyLabel":{"type":"string","pattern":"^0x)"}) {
    EXPECT_NE(schema.find(part), std::string::npos) << part;
  }
}

TEST(Catalogue, JsonTellsTheNumbersOfEveryElement) {
  const std::string json = catalogue_json(kTypes);
  ASSERT_TRUE(JsonGrammar::accepts(json)) << json;
  for (
      const char* row :
      {R"({"name":"octetDeltaCount","label":"IN_BYTES","pen":0,"id":1,"v9":1,"type":"unsigned64","semantics":"deltaCounter","unit":"octets","meaning":"sum of lengths"})",
       R"({"name":"reverseOctetDeltaCount","label":"OUT_BYTES","pen":29305,"id":1,"v9":23,"type":"unsigned64","semantics":"deltaCounter","unit":"octets","meaning":"the other way"})",
       R"({"name":"toyReason","pen":"own","id":901,"type":"unsigned8","semantics":"identifier","meaning":"one of \"few\""})",
       R"({"name":"toyName","label":"TOY_NAME","pen":35632,"id":205,"v9":57677,"type":"string","semantics":"default","meaning":"a name"})",
       R"({"name":"toyAnswers","pen":"own","id":902,"type":"basicList","items":"ipv4Address","semantics":"list","meaning":"addresses"})"}) {
    EXPECT_NE(json.find(row), std::string::npos) << row << "\nin " << json;
  }
}

TEST(Catalogue, MarkdownTellsTheNumbersOfEveryElement) {
  const std::string page = catalogue_markdown(kTypes);
  for (const char* row :
       {"| `octetDeltaCount` | `%IN_BYTES` | 1 | 1 | unsigned64 | octets | sum of lengths |\n",
        "| `reverseOctetDeltaCount` | `%OUT_BYTES` | reverse 1 | 23 | unsigned64 | octets | the other way |\n",
        "| `toyReason` |  | own 901 |  | unsigned8 |  | one of \"few\" |\n",
        "| `toyName` | `%TOY_NAME` | 35632.205 | 57677 | string |  | a name |\n",
        "| `toyAnswers` |  | own 902 |  | basicList of ipv4Address |  | addresses |\n",
        "\n## `toy`\n\nOne record per toy that ended.\n"}) {
    EXPECT_NE(page.find(row), std::string::npos) << row << "\nin " << page;
  }
}

TEST(Catalogue, CommonElementsHaveTheirIanaNumbers) {
  const std::vector<std::pair<std::string_view, unsigned>> numbers = {{"sourceIPv4Address", 8},
                                                                      {"sourceIPv6Address", 27},
                                                                      {"destinationIPv4Address", 12},
                                                                      {"destinationIPv6Address", 28},
                                                                      {"sourceTransportPort", 7},
                                                                      {"destinationTransportPort", 11},
                                                                      {"protocolIdentifier", 4},
                                                                      {"vlanId", 58},
                                                                      {"flowId", 148}};
  for (const auto& [name, id] : numbers) {
    const auto fields = common_fields();
    const auto found =
        std::find_if(fields.begin(), fields.end(), [&name = name](const Field& field) { return field.name == name; });
    ASSERT_NE(found, fields.end()) << name;
    EXPECT_EQ(found->element.pen, pen::kIana) << name;
    EXPECT_EQ(found->element.id, id) << name;
    EXPECT_EQ(found->element.v9, id) << name;
  }
}

}  // namespace
}  // namespace microcloud
