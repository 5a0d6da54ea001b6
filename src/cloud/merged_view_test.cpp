#include "cloud/merged_view.h"

#include <gtest/gtest.h>

#include "resp/decoder.h"

namespace microcloud {
namespace {

using resp::Type;
using resp::Value;

Value bulk(std::string text) {
  Value value;
  value.type = Type::Bulk;
  value.text = std::move(text);
  return value;
}

Value map(const std::vector<std::pair<std::string, std::string>>& fields) {
  Value value;
  value.type = Type::Map;
  for (const auto& [name, text] : fields) {
    value.elements.push_back(bulk(name));
    value.elements.push_back(bulk(text));
  }
  return value;
}

TEST(MergedView, CountersAddUpAndTimesSpread) {
  Values values = {{"bytesSent", "10"}, {"firstSeen", "5"}, {"lastSeen", "7"}, {"12.bytesSent", "4"}};
  merge_hash(values, map({{"bytesSent", "32"}, {"firstSeen", "3"}, {"lastSeen", "6"}, {"dns.queries", "2"}}));
  EXPECT_EQ(
      values,
      (Values{
          {"bytesSent", "42"}, {"firstSeen", "3"}, {"lastSeen", "7"}, {"12.bytesSent", "4"}, {"dns.queries", "2"}}));
}

TEST(MergedView, WhatWasLearntIsNoCounter) {
  Values values = {{"vlan", "12"}, {"mac", "02:00:00:00:00:01"}};
  merge_hash(values, map({{"vlan", "30"}, {"mac", "02:00:00:00:00:02"}, {"name", "www"}}));
  EXPECT_EQ(values, (Values{{"vlan", "12"}, {"mac", "02:00:00:00:00:01"}, {"name", "www"}}));
}

TEST(MergedView, FieldsOfTheSystemAreLeftOut) {
  Values values;
  merge_hash(values, map({{"_batch", "7"}, {"_l.p1", "9"}, {"bytesRcvd", "1"}}));
  EXPECT_EQ(values, (Values{{"bytesRcvd", "1"}}));
}

TEST(MergedView, NumbersOfTheSystem) {
  EXPECT_EQ(system_number(map({{"_l.p1", "1795666081000123"}, {"_l.p2", "9"}}), "_l.p1"), 1'795'666'081'000'123);
  EXPECT_EQ(system_number(map({{"tcp.443", "7"}, {"_l.p1", "-1795666081000123"}}), "_l.p1"), 1'795'666'081'000'123);
  EXPECT_EQ(system_number(map({{"bytesSent", "7"}}), "_l.p1"), 0);
  EXPECT_EQ(system_number(Value(), "_l.p1"), 0);
}

TEST(MergedView, SortedSetsAddUpAndStaySorted) {
  Values values = {{"a", "10"}, {"b", "9"}};
  merge_sorted_set(values, map({{"b", "5"}, {"c", "11"}, {"_l.p1", "-3"}}));
  EXPECT_EQ(values, (Values{{"b", "14"}, {"c", "11"}, {"a", "10"}}));
}

TEST(MergedView, WhatIsNoCountDoesNoHarm) {
  Values values = {{"a", "10"}, {"b", "9"}};
  merge_sorted_set(values, map({{"a", "0.5"}, {"b", "inf"}, {"c", "1e300"}, {"d", "much"}, {"e", "nan"}}));
  EXPECT_EQ(values[0], (Values::value_type{"b", "inf"}));
  EXPECT_EQ(values[1].first, "c");
  EXPECT_EQ(values[2], (Values::value_type{"a", "10.5"}));
  values = {{"bytesSent", "9223372036854775807"}};
  merge_hash(values, map({{"bytesSent", "1"}}));
  EXPECT_EQ(values, (Values{{"bytesSent", "9223372036854775807"}}));
  Value odd = map({});
  odd.elements.resize(2);
  odd.elements[0].elements.resize(2);
  merge_sorted_set(values, odd);
  EXPECT_EQ(values.size(), 1U) << "pairs of which the second has no parts";
}

TEST(MergedView, PairsOfResp3AreNested) {
  Value set;
  set.type = Type::Array;
  Value pair;
  pair.type = Type::Array;
  Value score;
  score.type = Type::Double;
  score.number = 12;
  pair.elements = {bulk("a"), score};
  set.elements = {pair};
  Values values = {{"a", "30"}};
  merge_sorted_set(values, set);
  EXPECT_EQ(values, (Values{{"a", "42"}}));
}

TEST(MergedView, OnlyTreesOfTrafficAreShared) {
  EXPECT_TRUE(is_counted("ip.10.0.0.1", ""));
  EXPECT_TRUE(is_counted("ip.10.0.0.1.peers", ""));
  EXPECT_TRUE(is_counted("lab/port.tcp.443", "lab"));
  EXPECT_TRUE(is_counted("user.anna", ""));
  EXPECT_FALSE(is_counted("port.tcp.443", "lab"));
  EXPECT_FALSE(is_counted("probe.p1", ""));
  EXPECT_FALSE(is_counted("meta.schema", ""));
  EXPECT_FALSE(is_counted("identity.10.0.0.1", ""));
}

}  // namespace
}  // namespace microcloud
