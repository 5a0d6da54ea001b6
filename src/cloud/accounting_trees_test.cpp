#include <gtest/gtest.h>

#include <cmath>

#include "base/log_linear.h"
#include "cloud/cloud_test_bed.h"
#include "cloud/health_fields.h"

namespace microcloud {
namespace {

using namespace cloud_test;

struct Request {
  std::string_view page;
  ServiceCall call;
  uint64_t octets = 0;
};

bool page_of(const RecordRef& record, std::string& out) {
  const std::string_view page = static_cast<const Request*>(record.body)->page;
  out += page;
  return !page.empty();
}
constexpr CloudRule kOfPage[] = {
    grow(Entity::Source, "views", "views"),
    grow(Entity::Source, "bytes", "octets").by<&Request::octets>(),
};
constexpr CloudTree kTrees[] = {
    {.prefix = "web.page.", .pattern = "web.page.<page>", .name = page_of, .counters = kOfPage, .has_health = true}};
const RecordType kRequestType{
    .name = "web",
    .meaning = "request",
    .fields = {},
    .body_size = sizeof(Request),
    .trees = kTrees,
    .service = [](const void* body) { return std::optional(static_cast<const Request*>(body)->call); }};

const IpAddress kClient = ip(10, 0, 0, 1), kServer = ip(10, 0, 0, 2);

void put(Bed& bed, const Common& common, const Request& request) {
  bed.accounting.put({&kRequestType, &common, &request}, bed.now_s);
}

TEST(AccountingTrees, AServiceCountsRequestsErrorsAndHowLongTheyTook) {
  Bed bed;
  Common common = between(kClient, kServer, 80);
  common.client_network_us = 300;
  common.server_network_us = 1'000;
  common.packet_us = 5'000'000;
  put(bed, common, {.page = {}, .call = {.latency_us = 12'000, .begins_connection = true}});
  put(bed, common, {.page = {}, .call = {.failed = true, .latency_us = 1'500}});
  put(bed, common, {.page = {}, .call = {}});
  const Node& node = bed.look();
  const std::string key = "service.tcp.10.0.0.2.80";
  EXPECT_EQ(node.number(key, "requests"), 3);
  EXPECT_EQ(node.number(key, "errors"), 1);
  EXPECT_EQ(node.number(key, std::string(delay_field(10'000))), 1) << "without the round trip to the server";
  EXPECT_EQ(node.number(key, "delay.0"), 1) << "never negative";
  EXPECT_EQ(node.number(key, std::string(network_field(1'300))), 1) << "once a connection";
  EXPECT_EQ(node.number(key, "firstSeen"), 5'000);
  EXPECT_EQ(node.number(key, "lastSeen"), 5'000);
  EXPECT_EQ(node.refreshed.at(key), 1U);
  EXPECT_FALSE(node.numbers.contains("web.page."));
}

TEST(AccountingTrees, ARecordMayTellOfManyRequests) {
  Bed bed;
  Common common = between(kClient, kServer, 143);
  common.client_network_us = 300;
  common.server_network_us = 1'000;
  ServiceCalls calls;
  calls.answered(false, 12'000);
  calls.answered(true, 12'001);
  calls.answered(false, 1'500);
  calls.answered(true, std::nullopt);
  put(bed, common, {.page = {}, .call = {.failed = true, .latency_us = 7, .begins_connection = true, .many = &calls}});
  const Node& node = bed.look();
  const std::string key = "service.tcp.10.0.0.2.143";
  EXPECT_EQ(node.number(key, "requests"), 4);
  EXPECT_EQ(node.number(key, "errors"), 2);
  EXPECT_EQ(node.number(key, std::string(delay_field(10'000))), 2);
  EXPECT_EQ(node.number(key, "delay.0"), 1);
  EXPECT_EQ(node.number(key, std::string(network_field(1'300))), 1);
}

TEST(AccountingTrees, WhoAnswersMayBeTheSource) {
  Bed bed;
  put(bed, between(kClient, kServer, 161, 17), {.page = {}, .call = {}});
  Common answer = between(kServer, kClient, 40'000, 17);
  answer.source_port = 161;
  put(bed, answer, {.page = {}, .call = {.is_request = false, .by_server = true, .latency_us = 70}});
  const Node& node = bed.look();
  EXPECT_EQ(node.number("service.udp.10.0.0.2.161", "requests"), 1);
  EXPECT_EQ(node.number("service.udp.10.0.0.2.161", "delay.70"), 1);
  EXPECT_EQ(node.numbers.size(), 1U);
}

TEST(AccountingTrees, ATreeOfItsOwnHasItsCountersAndTheHealth) {
  Bed bed;
  put(bed, between(kClient, kServer), {.page = "a", .call = {.latency_us = 5}, .octets = 100});
  put(bed, between(kClient, kServer), {.page = "a", .call = {.failed = true, .latency_us = {}}, .octets = 50});
  const Node& node = bed.look();
  EXPECT_EQ(node.number("web.page.a", "views"), 2);
  EXPECT_EQ(node.number("web.page.a", "bytes"), 150);
  EXPECT_EQ(node.number("web.page.a", "requests"), 2);
  EXPECT_EQ(node.number("web.page.a", "errors"), 1);
  EXPECT_EQ(node.number("web.page.a", "delay.5"), 1);
}

TEST(AccountingTrees, NamesBeyondTheBoundsAddUpAndLeaveRoomForHosts) {
  AccountingSettings settings;
  settings.births.per_second = 20;  // 100 at once
  Bed bed(settings);
  constexpr int kPages = 1'000;
  for (int page = 0; page < kPages; ++page)
    put(bed, between(kClient, kServer), {.page = std::to_string(page), .call = {}});
  for (uint8_t host = 1; host <= 20; ++host) bed.flow(between(ip(10, 1, 0, host), ip(10, 2, 0, host)), bytes(1, 1));
  const Node& node = bed.look();
  EXPECT_EQ(node.sum("web.page.", "views"), kPages) << "all together they are all";
  EXPECT_GT(node.number("web.page.other", "views"), kPages - 60);
  EXPECT_EQ(node.number("service.tcp.10.0.0.2.443", "requests"), kPages);
  EXPECT_GT(bed.accounting.keys_refused(), 0U);
  EXPECT_EQ(node.number("ip.10.1.0.20", "bytesSent"), 1) << "half of the births are for others than such names";
}

TEST(AccountingTrees, ARealmStandsBeforeTheTree) {
  AccountingSettings settings;
  settings.realm = "lab";
  Bed bed(settings);
  put(bed, between(kClient, kServer), {.page = "a", .call = {}});
  EXPECT_EQ(bed.look().number("lab/web.page.a", "requests"), 1);
}

TEST(AccountingTrees, WhatIsForgottenIsBornAgain) {
  AccountingSettings settings;
  settings.births.ttl_s = 100;
  Bed bed(settings);
  put(bed, between(kClient, kServer), {.page = "a", .call = {}});
  EXPECT_EQ(bed.accounting.keys_known(), 2U);
  for (int at = 0; at < 10'000; ++at) bed.accounting.sweep(200);
  EXPECT_EQ(bed.accounting.keys_known(), 0U);
}

TEST(HealthHistogram, QuantilesAreWithinTwoPercent) {
  HealthHistogram histogram;
  for (uint32_t value = 1; value <= 10'000; ++value) histogram.take(kDelayPrefix, delay_field(value), "1");
  histogram.take(kDelayPrefix, network_field(1), "5");
  histogram.take(kDelayPrefix, "delay.x", "5");
  histogram.take(kDelayPrefix, "delay.7", "many");
  EXPECT_EQ(histogram.count(), 10'000U);
  for (const double share : {0.01, 0.5, 0.95, 0.99, 1.0}) {
    const double exact = share * 10'000;
    EXPECT_LE(std::abs(*histogram.quantile_us(share) - exact) / exact, 0.02) << share;
  }
  EXPECT_EQ(HealthHistogram().quantile_us(0.5), std::nullopt);
}

struct Note {
  std::string_view name;
  std::string_view text;
  bool closes = false;
};
void note_it(const RecordRef& record, TreeNotes& notes) {
  const Note& note = *static_cast<const Note*>(record.body);
  const TreeNotes::Text texts[] = {{"call", note.text}};
  if (note.closes) {
    notes.close("place.", note.name, texts[0], {"end", "7"}, 60);
  } else {
    notes.leave("place.", note.name, texts);
  }
}
const RecordType kNoteType{.name = "note", .meaning = "note", .fields = {}, .body_size = sizeof(Note), .note = note_it};

void put(Bed& bed, const Note& note) {
  Common common = between(kClient, kServer);
  common.packet_us = 5'000'000;
  bed.accounting.put({&kNoteType, &common, &note}, bed.now_s);
}

TEST(AccountingTrees, TextsAreLeftAndKeysClosed) {
  AccountingSettings settings;
  settings.realm = "berlin";
  Bed bed(settings);
  put(bed, {"a", "c1"});
  put(bed, {"b", "c1"});
  put(bed, {"a", "c1", true});
  put(bed, {"never", "c1", true});
  const Node& node = bed.look();
  EXPECT_EQ(node.texts.at("berlin/place.a").at("call"), "c1");
  EXPECT_EQ(node.endings.at("berlin/place.a"), "60 where call is c1: end 7");
  EXPECT_EQ(node.endings.size(), 1U);
  EXPECT_EQ(node.texts.size(), 2U);
  EXPECT_EQ(node.refreshed.at("berlin/place.b"), 1U);
  put(bed, {"b", "c2"});
  EXPECT_EQ(bed.look().refreshed.at("berlin/place.b"), 2U) << "it may have been closed by somebody else";
}

TEST(AccountingTrees, WhatTheBoundsRefuseLeavesNothing) {
  AccountingSettings settings;
  settings.births.most_keys = 4;
  Bed bed(settings);
  for (const char* name : {"a", "b", "c", "d", "e", "f", "other", ""}) put(bed, {name, "c1"});
  EXPECT_LE(bed.look().texts.size(), 4U);
  EXPECT_GT(bed.accounting.keys_refused(), 0U);
  EXPECT_FALSE(bed.node.texts.contains("place.other"));
}

}  // namespace
}  // namespace microcloud
