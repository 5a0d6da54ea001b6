// Signed and real numbers: in JSON, as text, in the schema and on the wire.
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "record/catalogue.h"
#include "record/json.h"
#include "record/value_text.h"

namespace microcloud {
namespace {

struct Numbers {
  int32_t whole = 0;
  double real = 0;
};

constexpr Field kFields[] = {field<&Numbers::whole>("whole", {"", pen::kOwn, 1}, "below zero, too"),
                             field<&Numbers::real>("real", {"", pen::kOwn, 2}, "with a fraction")};
constexpr RecordType kNumbers{.name = "numbers", .meaning = "test", .fields = kFields, .body_size = sizeof(Numbers)};

std::string json_of(const Numbers& numbers) {
  Common common;
  std::string line;
  JsonWriter().append({&kNumbers, &common, &numbers}, line);
  return line.substr(line.find(",\"whole\""));
}

TEST(Numbers, InJson) {
  EXPECT_EQ(json_of({-2, 4.409}), ",\"whole\":-2,\"real\":4.409}\n");
  EXPECT_EQ(json_of({2147483647, 93.2}), ",\"whole\":2147483647,\"real\":93.2}\n");
  EXPECT_EQ(json_of({0, 4}), ",\"whole\":0,\"real\":4}\n");
}

TEST(Numbers, AsText) {
  const Numbers numbers{-7, 1.25};
  Scratch scratch;
  std::string text;
  for (const Field& field : kFields) append_text(text, field.read(&numbers, scratch), scratch);
  EXPECT_EQ(text, "-71.25");
}

TEST(Numbers, OnTheWire) {
  const Numbers numbers{-2, 1.5};
  std::array<char, 8> out{};
  EXPECT_EQ(kFields[0].write(&numbers, out.data()), out.data() + 4);
  EXPECT_EQ(std::string(out.data(), 4), "\xff\xff\xff\xfe");
  EXPECT_EQ(kFields[1].write(&numbers, out.data()), out.data() + 8);
  EXPECT_EQ(std::string(out.data(), 8), std::string("\x3f\xf8\0\0\0\0\0\0", 8));
}

TEST(Numbers, InTheSchema) {
  static constexpr const RecordType* kTypes[] = {&kNumbers};
  const std::string schema = catalogue_schema(kTypes);
  EXPECT_NE(schema.find(R"("whole":{"type":"integer","minimum":-2147483648)"), std::string::npos);
  EXPECT_NE(schema.find(R"("real":{"type":"number"})"), std::string::npos);
}

}  // namespace
}  // namespace microcloud
