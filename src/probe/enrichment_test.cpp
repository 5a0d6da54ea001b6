#include "probe/enrichment.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <thread>

#include "flow/flow_record.h"

namespace microcloud {
namespace {

using Known = Owners::Known;

struct FakeOwners final : Owners {
  std::map<uint8_t, std::string> users;  // by the address' last octet
  std::set<uint8_t> asked, unknown;
  bool news = false;

  Answer owner(const IpAddress& address, const std::optional<Mac>&) override {
    const uint8_t last = address.bytes[3];
    if (asked.contains(last)) return {Known::Asked, {}};
    if (unknown.contains(last)) return {Known::Unknown, {}};
    const auto found = users.find(last);
    return found == users.end() ? Answer{Known::Nobody, {}} : Answer{Known::Somebody, found->second};
  }
  bool learn() override { return std::exchange(news, false); }
  void answer(uint8_t last, const std::string& user) {
    asked.erase(last);
    if (!user.empty()) users[last] = user;
    news = true;
  }
};

struct Kept final : Output {
  std::vector<std::string> told;  // flow:user
  std::vector<std::string> ends;  // both users
  uint64_t packets = 0;
  void put(const RecordRef& record) override {
    told.push_back(
        std::to_string(record.common->flow_id) + ":" +
        std::string(record.common->source_user.empty() ? record.common->destination_user : record.common->source_user));
    ends.push_back(std::string(record.common->source_user) + ">" + std::string(record.common->destination_user));
    packets += static_cast<const FlowRecord*>(record.body)->packets;
  }
};

struct Bed {
  FakeOwners owners;
  Kept kept, second;
  EnrichmentSettings settings;
  std::unique_ptr<EnrichmentStage> made;

  EnrichmentStage& stage() {
    if (!made) made = std::make_unique<EnrichmentStage>(settings, owners, std::vector<Output*>{&kept, &second});
    return *made;
  }
  void put(uint64_t flow_id, uint8_t source, uint8_t destination = 99) {
    const uint8_t from[] = {10, 0, 0, source}, to[] = {10, 0, 0, destination};
    Common common;
    common.source = IpAddress::v4(from);
    common.destination = IpAddress::v4(to);
    common.flow_id = flow_id;
    FlowRecord flow;
    flow.packets = flow_id;
    stage().put({&kFlowRecordType, &common, &flow});
  }
  uint64_t unanswered(Unanswered why) { return stage().counts().unanswered.get(why); }
};

using Told = std::vector<std::string>;

TEST(Enrichment, WhatIsKnownPassesAtOnce) {
  Bed bed;
  bed.owners.users = {{1, "anna"}, {2, "web"}};
  bed.put(1, 1);
  bed.put(2, 3);
  bed.put(3, 3, 2);
  bed.put(4, 1, 2);
  EXPECT_EQ(bed.kept.told, (Told{"1:anna", "2:", "3:web", "4:anna"}));
  EXPECT_EQ(bed.second.told, bed.kept.told);
  EXPECT_EQ(bed.kept.ends, (Told{"anna>", ">", ">web", "anna>web"}));
  EXPECT_FALSE(bed.stage().turn());
  EXPECT_EQ(bed.stage().counts().with_user.get(), 3U);
}

TEST(Enrichment, WhoWaitsIsPassedByOthersButNotByItsFlow) {
  Bed bed;
  bed.settings.patience = std::chrono::minutes(1);
  bed.owners.asked = {1, 2};
  bed.put(1, 1);
  bed.put(2, 2);
  bed.put(3, 3);
  EXPECT_EQ(bed.kept.told, (Told{"3:"}));
  EXPECT_TRUE(bed.stage().turn());
  bed.owners.answer(2, "berta");
  EXPECT_TRUE(bed.stage().turn());
  EXPECT_EQ(bed.kept.told, (Told{"3:"})) << "behind the first that waits";
  bed.put(2, 2);
  EXPECT_EQ(bed.kept.told, (Told{"3:"})) << "its flow waits";
  bed.owners.answer(1, "anna");
  EXPECT_FALSE(bed.stage().turn());
  EXPECT_EQ(bed.kept.told, (Told{"3:", "1:anna", "2:berta", "2:berta"}));
  bed.put(2, 2);
  EXPECT_EQ(bed.kept.told.size(), 5U) << "nothing of its flow waits any more";
  EXPECT_EQ(bed.kept.packets, 3U + 1 + 2 + 2 + 2) << "bodies are as they came";
}

TEST(Enrichment, TheInitiatorsAnswerIsWaitedForThoughTheRespondersIsThere) {
  Bed bed;
  bed.settings.patience = std::chrono::minutes(1);
  bed.owners.asked = {1};
  bed.owners.users = {{2, "web"}};
  bed.put(1, 1, 2);
  EXPECT_TRUE(bed.kept.told.empty());
  bed.owners.answer(1, "");
  bed.stage().turn();
  EXPECT_EQ(bed.kept.told, (Told{"1:web"}));
}

TEST(Enrichment, NobodyWaitsBeyondTheDeadline) {
  Bed bed;
  bed.settings.patience = std::chrono::milliseconds(20);
  bed.owners.asked = {1};
  const auto begun = std::chrono::steady_clock::now();
  bed.put(1, 1);
  while (bed.stage().turn()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_GE(std::chrono::steady_clock::now() - begun, bed.settings.patience);
  EXPECT_EQ(bed.kept.told, (Told{"1:"}));
  EXPECT_EQ(bed.unanswered(Unanswered::Late), 1U);
}

TEST(Enrichment, AFullListLetsTheOldestGo) {
  Bed bed;
  bed.settings.patience = std::chrono::minutes(1);
  bed.settings.most_waiting = 3;
  bed.owners.asked = {1};
  for (uint64_t flow = 1; flow <= 5; ++flow) bed.put(flow, 1);
  EXPECT_EQ(bed.kept.told, (Told{"1:", "2:"}));
  EXPECT_EQ(bed.unanswered(Unanswered::Full), 2U);
}

TEST(Enrichment, WhereItCannotBeAskedNobodyWaits) {
  Bed bed;
  bed.owners.unknown = {1};
  bed.put(1, 1);
  EXPECT_EQ(bed.kept.told, (Told{"1:"}));
  EXPECT_EQ(bed.unanswered(Unanswered::Unavailable), 1U);
}

TEST(Enrichment, AtTheEndEverythingLeavesOnce) {
  Bed bed;
  bed.owners.asked = {1};
  for (uint64_t flow = 1; flow <= 100; ++flow) bed.put(flow, flow % 2 == 0 ? 1 : 3);
  bed.stage().finish();
  EXPECT_EQ(bed.kept.told.size(), 100U);
  EXPECT_EQ(bed.stage().counts().in.get(), bed.stage().counts().out.get());
}

}  // namespace
}  // namespace microcloud
