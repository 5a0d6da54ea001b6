#include "cloud/alerts.h"

#include <gtest/gtest.h>

#include "cloud/alert_rules.h"
#include "cloud/cloud_test_bed.h"

namespace microcloud {
namespace {

using resp::Outcome;
using resp::Result;
using resp::Value;

constexpr int64_t kMinute = 60'000;

/// Keeps what was sent until the test answers it.
class FakeWay final : public UpdateWay {
 public:
  void start(int64_t) override {}
  void tick(int64_t) override {}
  WayStatus status() const override { return {}; }
  void count_keys(std::function<void(uint64_t)>) override {}
  void send(std::string_view key, const resp::Commands& commands, resp::Client::Done done) override {
    keys.emplace_back(key);
    texts.emplace_back(commands.bytes());
    counts.push_back(commands.count());
    dones.push_back(std::move(done));
  }
  /// The latest.
  void answer(Outcome outcome, std::vector<Value> replies) {
    const auto done = std::move(dones.back());
    done({outcome, std::move(replies), outcome == Outcome::Ok ? "" : "cut"});
  }

  std::vector<std::string> keys, texts;
  std::vector<size_t> counts;
  std::vector<resp::Client::Done> dones;
};

Value value(resp::Type type, std::string text, int64_t integer = 0) {
  Value value;
  value.type = type;
  value.text = std::move(text);
  value.integer = integer;
  return value;
}

Value taken() {
  return value(resp::Type::Bulk, "1-0");
}

class AlertsTest : public ::testing::Test {
 protected:
  void raise(std::string_view host, int64_t time_ms = 0) {
    alerts.raise({.rule = "watched", .host = host, .time_ms = time_ms});
  }

  FakeWay way;
  Events wake_ups{"", 1 << 20};
  Alerts alerts{"north/", "berlin", wake_ups};
};

TEST_F(AlertsTest, AreSentUntilTheyAreTaken) {
  raise("10.0.0.1", 5 * kMinute + 1);
  raise("10.0.0.2", 5 * kMinute);
  EXPECT_FALSE(alerts.settled());
  alerts.send(way, 0);
  EXPECT_EQ(way.keys, std::vector<std::string>{"north/stream.alerts"});
  EXPECT_NE(way.texts[0].find("berlin/watched/10.0.0.1/5\r\n"), std::string::npos);
  EXPECT_NE(way.texts[0].find(R"("timeMilliseconds":300001,"host":"10.0.0.1"})"), std::string::npos);
  alerts.send(way, 1);
  EXPECT_EQ(way.dones.size(), 1U) << "one batch at a time";

  way.answer(Outcome::Indeterminate, {taken()});  // the second is open
  EXPECT_FALSE(wake_ups.empty());
  EXPECT_EQ(alerts.waiting(), 1U);
  alerts.send(way, 2);
  EXPECT_EQ(way.dones.size(), 1U) << "after a pause";
  alerts.send(way, 2'000);
  ASSERT_EQ(way.dones.size(), 2U);
  EXPECT_EQ(way.texts[1].find("10.0.0.1"), std::string::npos);
  EXPECT_NE(way.texts[1].find("berlin/watched/10.0.0.2/5\r\n"), std::string::npos) << "with the same id";
  way.answer(Outcome::Ok, {taken()});
  EXPECT_TRUE(alerts.settled());
  EXPECT_EQ(alerts.counts().written.get(), 2U);
}

TEST_F(AlertsTest, WaitWhereTheServerRefusesThem) {
  raise("10.0.0.1");
  raise("10.0.0.2");
  alerts.send(way, 0);
  way.answer(Outcome::Ok, {Value::of_error("OOM"), taken()});
  EXPECT_EQ(alerts.trouble(), "OOM");
  EXPECT_FALSE(alerts.settled()) << "the end of a run waits for it";
  EXPECT_EQ(alerts.waiting(), 1U);
  alerts.send(way, 2'000);
  way.answer(Outcome::Ok, {value(resp::Type::Simple, "OK"), Value::of_error("NOPERM"),
                           Value::of_error("EXECABORT")});  // a transaction that was not begun
  EXPECT_EQ(alerts.trouble(), "EXECABORT");
  alerts.send(way, 4'000);
  way.answer(Outcome::Ok, {taken()});
  EXPECT_EQ(alerts.trouble(), "");
  EXPECT_EQ(alerts.counts().written.get(), 2U);
  EXPECT_EQ(alerts.counts().refused.get(), 2U);
}

TEST_F(AlertsTest, TheOldestGoWhenTooManyWait) {
  raise("10.0.0.1");
  alerts.send(way, 0);
  for (size_t more = 0; more < Alerts::kMost + 5; ++more) raise("10.0.1." + std::to_string(more));
  way.answer(Outcome::Retry, {});
  EXPECT_EQ(alerts.waiting(), Alerts::kMost);
  EXPECT_EQ(alerts.counts().overflowed.get(), 6U);
  alerts.send(way, 5'000);
  EXPECT_EQ(way.texts[1].find("10.0.0.1"), std::string::npos);
  EXPECT_EQ(way.counts[1], 64U);
}

LossLadder ladder(uint64_t full, uint64_t copies, uint64_t refused) {
  LossLadder ladder;
  ladder.add({"ring", 0, 0, {{"full", full}, {"loopback_copy", copies}}});
  ladder.add({"cloud", 0, 0, {{"refused", refused}}});
  return ladder;
}

TEST_F(AlertsTest, LossesAreToldOnceAMinuteWithWhatCameSince) {
  LossRules rules({"capture-drops"}, alerts);
  rules.look(ladder(0, 9, 3), 0, false);
  EXPECT_EQ(alerts.waiting(), 0U);
  rules.look(ladder(2, 9, 3), 0, false);
  rules.look(ladder(5, 9, 3), kMinute - 1, false);
  EXPECT_EQ(alerts.waiting(), 1U);
  rules.look(ladder(6, 9, 3), kMinute, false);
  rules.look(ladder(6, 9, 3), 2 * kMinute, true);
  EXPECT_EQ(alerts.waiting(), 2U);
  rules.look(ladder(7, 9, 3), kMinute + 1, true);
  alerts.send(way, 0);
  EXPECT_NE(way.texts[0].find(R"("count":2,"total":2})"), std::string::npos) << way.texts[0];
  EXPECT_NE(way.texts[0].find(R"("count":4,"total":6})"), std::string::npos);
  EXPECT_NE(way.texts[0].find("berlin/capture-drops/1-end\r\n"), std::string::npos) << "though the minute had one";
}

/// As the server has it.
void set_list(WatchList& list, FakeWay& way, int64_t now_ms, const std::vector<std::string>& members) {
  list.look(way, now_ms);
  way.answer(Outcome::Ok, {value(resp::Type::Integer, "", static_cast<int64_t>(members.size()))});
  if (members.size() > WatchList::kMost) return;
  Value set = value(resp::Type::Set, "");
  for (const std::string& member : members) set.elements.push_back(value(resp::Type::Bulk, member));
  way.answer(Outcome::Ok, {set});
}

TEST_F(AlertsTest, AListIsReadAnewAndWrongEntriesAreLeftOut) {
  WatchList list("list.watched");
  list.look(way, 0);
  EXPECT_TRUE(way.dones.empty());
  set_list(list, way, 1'000, {"10.0.0.0/8", "nonsense"});
  EXPECT_EQ(list.version(), 1U);
  EXPECT_EQ(list.networks()->size(), 1U);
  set_list(list, way, 2'000, {"nonsense", "10.0.0.0/8"});
  EXPECT_EQ(list.version(), 1U) << "the same";
  set_list(list, way, 3'000, std::vector<std::string>(WatchList::kMost + 1, "10.0.0.1"));
  EXPECT_EQ(list.version(), 1U) << "too long";
  set_list(list, way, 4'000, {});
  EXPECT_EQ(list.version(), 2U);
  EXPECT_TRUE(list.networks()->empty());
  list.look(way, 5'000);
  way.answer(Outcome::Retry, {});
  list.look(way, 6'000);
  EXPECT_EQ(way.keys.size(), 9U) << "asks again after a break";
}

TEST_F(AlertsTest, AHostThatIsWatchedIsToldOnceAMinute) {
  WatchList list("list.watched");
  set_list(list, way, 1'000, {"10.0.0.0/8"});
  WatchedHosts watched(list, alerts);
  Common common;
  common.source = cloud_test::ip(10, 0, 0, 1);
  common.destination = cloud_test::ip(192, 0, 2, 1);
  const Traffic traffic;
  // Both in one minute, but for the one case in many that the clock turns over between them.
  for (int time = 0; time < 3; ++time) watched.put({&cloud_test::kFlowType, &common, &traffic});
  EXPECT_LE(alerts.waiting(), 2U);
  const size_t before = alerts.waiting();
  EXPECT_GE(before, 1U);
  for (unsigned host = 0; host < WatchedHosts::kMostAMinute * 3; ++host) {
    common.source = cloud_test::ip(10, 1, static_cast<uint8_t>(host >> 8), static_cast<uint8_t>(host));
    watched.put({&cloud_test::kFlowType, &common, &traffic});
  }
  EXPECT_GE(watched.suppressed().get(), WatchedHosts::kMostAMinute - 1);
}

}  // namespace
}  // namespace microcloud
