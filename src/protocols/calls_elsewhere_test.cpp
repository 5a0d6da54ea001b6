// Signalling and media that different probes see: what one leaves in the MicroCloud is what the other one finds there.
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "protocols/voip_flows_test.h"

namespace microcloud {
namespace {

using namespace voip_test;

using Keys = std::map<std::string, std::map<std::string, std::string>>;

/// The MicroCloud, as a probe asks it; answers come when they are let through.
struct Cloud final : CallsElsewhere {
  explicit Cloud(CallBook& its_book) : book(its_book) { book.know("south", this); }

  bool ask(const SdpAddress& at) override { return note("voip.endpoint." + endpoint_name(at), at, ""); }
  bool ask(std::string_view call) override { return note("voip.call." + std::string(call), {}, std::string(call)); }
  bool may_wait() const override { return !is_live; }
  void settle() override { answer(); }
  bool note(const std::string& key, const SdpAddress& at, const std::string& call) {
    if (is_away) return false;
    asked.push_back(key);
    open.push_back({key, at, call});
    return true;
  }
  void answer() {
    for (const Question& one : std::exchange(open, {})) {
      std::vector<std::pair<std::string, std::string>> fields;
      if (const auto found = keys.find(one.key); found != keys.end())
        fields.assign(found->second.begin(), found->second.end());
      if (one.call.empty()) {
        book.learn(one.at, endpoint_elsewhere(fields, 8));
      } else {
        book.learn(one.call, HashTexts(fields));
      }
    }
  }

  struct Question {
    std::string key;
    SdpAddress at;
    std::string call;
  };
  CallBook& book;
  Keys keys;
  std::vector<std::string> asked;
  std::vector<Question> open;
  bool is_live = true, is_away = false;
};

/// Two probes: north sees signalling, south media.
struct TwoProbes {
  std::shared_ptr<Shared> north = std::make_shared<Shared>(), south = std::make_shared<Shared>();
  Cloud at_north{north->of<CallBook>()};  // asked by nobody
  Cloud cloud{south->of<CallBook>()};
  Sip sip{north};

  TwoProbes() { north->of<CallBook>().know("north", &at_north); }
  /// What north has told is there.
  void write() {
    for (const auto& [key, fields] : sip.dialogue.notes.keys) {
      for (const auto& [field, value] : fields) cloud.keys[key][field] = value;
    }
  }
};

TEST(CallsElsewhere, SignallingIsToldBeforeMediaComes) {
  TwoProbes probes;
  probes.sip.dialogue.flow().probe_id = "north";
  probes.sip.begin("c1");
  Keys& keys = probes.sip.dialogue.notes.keys;
  EXPECT_EQ(keys["voip.endpoint.192.0.2.1:4000"],
            (std::map<std::string, std::string>{{"call", "c1"},
                                                {"probe", "north"},
                                                {"match", "sdp"},
                                                {"formats", "101=TELEPHONE-EVENT/8000"},
                                                {"since", "1700000000000"},
                                                {"end", "0"}}));
  EXPECT_EQ(keys["voip.endpoint.192.0.2.2:5000"]["call"], "c1");
  EXPECT_EQ(keys["voip.endpoint.198.51.100.1:4000"]["match"], "sipsource");
  EXPECT_EQ(keys["voip.call.c1"], (std::map<std::string, std::string>{{"state", "answered"},
                                                                      {"probe", "north"},
                                                                      {"from", "sip:ann@example.test"},
                                                                      {"to", "sip:bob@example.test"},
                                                                      {"start", "1700000000000"},
                                                                      {"answer", "1700000000001"},
                                                                      {"end", "0"},
                                                                      {"status", "200"}}));
  probes.sip.finish("c1", 5 * kSecond);
  EXPECT_EQ(keys["voip.call.c1"]["state"], "completed");
  EXPECT_EQ(keys["voip.endpoint.192.0.2.1:4000"]["end"], "1700000005000");
  EXPECT_EQ(keys["voip.endpoint.192.0.2.2:5000"]["end"], "1700000005000");
}

TEST(CallsElsewhere, ACallWithManyPlacesTellsAllOfThem) {
  TwoProbes probes;
  std::string candidates = "a=rtpmap:96 opus/48000/2\r\na=rtpmap:97 AMR-WB/16000\r\na=rtpmap:98 speex/32000\r\n";
  for (unsigned at = 0; at < 8; ++at)
    candidates += "a=candidate:1 1 UDP 1 192.0.2." + std::to_string(100 + at) + " 4000 typ host\r\n";
  std::string offer = sdp_text("192.0.2.1", 4000, candidates);
  offer.insert(offer.find(" 101\r\n") + 4, " 96 97 98");
  probes.sip.begin("c1", offer);
  Keys& keys = probes.sip.dialogue.notes.keys;
  const std::string formats = keys["voip.endpoint.192.0.2.1:4000"]["formats"];
  EXPECT_NE(formats.find("96=OPUS/48000"), std::string::npos) << formats;
  for (unsigned at = 0; at < 8; ++at) {
    const auto& place = keys["voip.endpoint.192.0.2." + std::to_string(100 + at) + ":4000"];
    ASSERT_TRUE(place.contains("formats")) << at;
    EXPECT_EQ(place.at("formats"), formats);
    EXPECT_EQ(place.at("call"), "c1");
  }
  EXPECT_EQ(keys["voip.endpoint.192.0.2.2:5000"]["formats"], "101=TELEPHONE-EVENT/8000");
}

TEST(CallsElsewhere, SignallingKeepsTheKeysAlive) {
  TwoProbes probes;
  probes.sip.begin("c1");
  Keys& keys = probes.sip.dialogue.notes.keys;
  keys.clear();
  probes.sip.say(kCaller, sip_request("INFO", "c1", 2), 30 * kSecond);
  EXPECT_TRUE(keys.empty()) << "not with each message";
  probes.sip.say(kCaller, sip_request("INFO", "c1", 3), 90 * kSecond);
  EXPECT_EQ(keys["voip.endpoint.192.0.2.1:4000"]["call"], "c1");
  EXPECT_EQ(keys["voip.call.c1"]["state"], "answered");
}

TEST(CallsElsewhere, ACallThatFailsIsClosedAndOpenAgainWithCredentials) {
  TwoProbes probes;
  Keys& keys = probes.sip.dialogue.notes.keys;
  probes.sip.say(kCaller, invite("c1", sdp_text("192.0.2.1", 4000)));
  EXPECT_EQ(keys["voip.call.c1"]["state"], "calling");
  probes.sip.say(kCalled, sip_answer(407, "c1", "1 INVITE"), kSecond);
  EXPECT_EQ(keys["voip.call.c1"]["state"], "failed");
  EXPECT_EQ(keys["voip.endpoint.192.0.2.1:4000"]["end"], "1700000001000");
  probes.sip.say(kCaller, invite("c1", sdp_text("192.0.2.1", 4000), "2 INVITE"), 2 * kSecond);
  EXPECT_EQ(keys["voip.call.c1"]["state"], "calling");
  EXPECT_EQ(keys["voip.call.c1"]["status"], "0");
  EXPECT_EQ(keys["voip.endpoint.192.0.2.1:4000"]["end"], "0");
}

TEST(CallsElsewhere, WithoutAMicroCloudNothingIsLeft) {
  const auto alone = std::make_shared<Shared>();
  Sip sip(alone);
  sip.begin("c1");
  sip.finish("c1", kSecond);
  EXPECT_TRUE(sip.dialogue.notes.keys.empty());
}

TEST(CallsElsewhere, APortThatANewCallHasTakenIsNotClosedByTheOldOne) {
  TwoProbes probes;
  probes.sip.begin("old");
  probes.sip.begin("new", sdp_text("192.0.2.1", 4000), sdp_text("192.0.2.2", 5002), kSecond);
  probes.sip.finish("old", 2 * kSecond);
  Keys& keys = probes.sip.dialogue.notes.keys;
  EXPECT_EQ(keys["voip.endpoint.192.0.2.1:4000"]["call"], "new");
  EXPECT_EQ(keys["voip.endpoint.192.0.2.1:4000"]["end"], "0");
  EXPECT_NE(keys["voip.endpoint.192.0.2.2:5000"]["end"], "0");
}

TEST(CallsElsewhere, AStreamIsTheCallsThatAnotherProbeTellsOf) {
  TwoProbes probes;
  probes.sip.begin("c1");
  probes.write();
  Rtp flow(probes.south);
  flow.stream(kCaller, 1, 100, 50, kSecond);
  flow.stream(kCalled, 2, 100, 50, kSecond);
  EXPECT_EQ(probes.cloud.asked.size(), 2U) << "both ends, once";
  probes.cloud.answer();
  flow.time(2 * kSecond);
  flow.stream(kCaller, 1, 150, 50, 2 * kSecond);
  flow.end(FlowOver::Ended, 40 * kSecond);
  ASSERT_EQ(flow.told().size(), 2U);
  for (const Told& told : flow.told()) {
    EXPECT_EQ(told.at("sipCallId"), "c1");
    EXPECT_EQ(told.at("rtpMatch"), "exact");
  }
  const auto& left = flow.dialogue.notes.keys["voip.call.c1"];
  ASSERT_EQ(left.size(), 2U);
  EXPECT_TRUE(left.begin()->first.starts_with("stream.")) << left.begin()->first;
  EXPECT_NE(left.begin()->second.find("packets=100 "), std::string::npos) << left.begin()->second;
}

TEST(CallsElsewhere, BehindANatTheOtherEndOrTheSendersAddressTells) {
  TwoProbes probes;
  probes.sip.begin("c1", sdp_text("10.0.0.7", 4000));
  probes.write();
  Rtp symmetric(probes.south, 4444);
  symmetric.stream(kCalled, 2, 100, 50);
  Rtp of_sip(probes.south, 4000, 6000, "198.51.100.1", "203.0.113.9");
  of_sip.stream(kCalled, 3, 100, 50);
  probes.cloud.answer();
  symmetric.time(kSecond);
  symmetric.end();
  of_sip.time(kSecond);
  of_sip.end();
  EXPECT_EQ(symmetric.only().at("rtpMatch"), "symmetric");
  EXPECT_EQ(of_sip.only().at("rtpMatch"), "sipsource");
}

TEST(CallsElsewhere, NobodyIsAskedForWhatIsKnownHereOrAnswersNot) {
  TwoProbes probes;
  Sip near(probes.south);
  near.begin("c1");
  Rtp flow(probes.south);
  flow.stream(kCaller, 1, 100, 50);
  EXPECT_TRUE(probes.cloud.asked.empty());
  probes.cloud.is_away = true;
  Rtp other(probes.south, 7000, 7002);
  other.stream(kCaller, 1, 100, 50);
  other.time(3 * kSecond);
  other.end();
  EXPECT_FALSE(other.only().contains("sipCallId"));
}

TEST(CallsElsewhere, AsksAgainUntilSignallingHasBeenSeen) {
  TwoProbes probes;
  Rtp flow(probes.south);
  flow.stream(kCaller, 1, 100, 10);
  probes.cloud.answer();
  flow.time(kSecond / 2);
  probes.sip.begin("c1");
  probes.write();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  flow.stream(kCaller, 1, 110, 10, 2 * kSecond);
  flow.time(2 * kSecond + kSecond / 2);
  EXPECT_EQ(probes.cloud.asked.size(), 4U);
  probes.cloud.answer();
  flow.time(3 * kSecond);
  flow.end();
  EXPECT_EQ(flow.only().at("sipCallId"), "c1");
}

TEST(CallsElsewhere, OfAFileTheAnswerIsWaitedFor) {
  TwoProbes probes;
  probes.cloud.is_live = false;
  probes.sip.begin("c1");
  probes.sip.finish("c1", kSecond);
  probes.write();
  Rtp flow(probes.south);
  flow.stream(kCaller, 1, 100, 50);
  flow.end(FlowOver::RunOver, kSecond);
  EXPECT_EQ(flow.only().at("sipCallId"), "c1");
}

TEST(CallsElsewhere, AnotherTimesMediaIsNotTheCalls) {
  TwoProbes probes;
  probes.cloud.is_live = false;
  probes.sip.begin("c1", sdp_text("192.0.2.1", 4000), sdp_text("192.0.2.2", 5000), 100 * kSecond);
  probes.sip.finish("c1", 110 * kSecond);
  probes.write();
  for (const int64_t at_us : {90 * kSecond, 116 * kSecond}) {
    Rtp flow(probes.south);
    flow.stream(kCaller, 1, 100, 50, at_us);
    flow.end();
    EXPECT_FALSE(flow.only().contains("sipCallId")) << at_us;
  }
  Rtp late(probes.south);
  late.stream(kCaller, 1, 100, 50, 112 * kSecond);
  late.end();
  EXPECT_EQ(late.only().at("sipCallId"), "c1");
}

TEST(CallsElsewhere, AStreamIsToldSoonAfterItsCallIsOver) {
  TwoProbes probes;
  probes.sip.begin("c1");
  probes.write();
  Rtp flow(probes.south);
  flow.stream(kCaller, 1, 100, 50);
  probes.cloud.answer();
  flow.time(kSecond);
  probes.sip.finish("c1", kSecond);
  probes.write();
  std::this_thread::sleep_for(std::chrono::milliseconds(1'550));
  flow.time(2 * kSecond + kSecond / 2);
  EXPECT_TRUE(flow.told().empty()) << "it asks whether it is over";
  probes.cloud.answer();
  flow.time(3 * kSecond + kSecond / 2);
  EXPECT_EQ(flow.only().at("sipCallId"), "c1");
}

TEST(CallsElsewhere, ACallHasTheStreamsThatOthersSaw) {
  const auto shared = std::make_shared<Shared>();
  Cloud cloud(shared->of<CallBook>());
  Sip sip(shared);
  sip.begin("c1");
  cloud.keys["voip.call.c1"] = {
      {"state", "answered"},
      {"stream.south.a", "src=192.0.2.9:1 ssrc=3 mos=1.500 probeId=south firstMs=1700000001000 lastMs=1700000002000"},
      {"stream.west.a", "src=192.0.2.9:1 ssrc=3 mos=2.500 probeId=west firstMs=1700000001000 lastMs=1700000002000"},
      {"stream.west.b", "src=192.0.2.9:1 ssrc=4 mos=1.200 probeId=west firstMs=1600000001000 lastMs=1600000002000"},
      {"stream.west.c", "nothing of this kind"}};
  Rtp flow(shared);
  flow.stream(kCaller, 1, 100, 50);
  sip.finish("c1", 3 * kSecond);
  sip.time(9 * kSecond);
  EXPECT_TRUE(sip.dialogue.records.back().at("record") == "sip") << "the answer is on its way";
  cloud.answer();
  sip.time(10 * kSecond);
  const Told call = sip.call("c1");
  EXPECT_EQ(call.at("callMosLq"), "2.500") << "the worst";
  const std::string& streams = call.at("callStreams");
  EXPECT_NE(streams.find("packets=50"), std::string::npos) << streams;
  EXPECT_NE(streams.find("match=exact probeId=south|src=192.0.2.9:1 ssrc=3 mos=2.500 probeId=west"), std::string::npos)
      << streams;
  EXPECT_EQ(streams.find("1.200"), std::string::npos) << "of another call of that name";
}

TEST(CallsElsewhere, ACallWhoseFlowHasEndedIsToldOnceOthersHaveAnswered) {
  const auto shared = std::make_shared<Shared>();
  Cloud cloud(shared->of<CallBook>());
  Sip sip(shared);
  sip.begin("c1");
  sip.finish("c1", kSecond);
  const size_t before = sip.end(FlowOver::Ended, 2 * kSecond).size();
  EXPECT_EQ(cloud.asked, std::vector<std::string>{"voip.call.c1"});
  EXPECT_EQ(sip.dialogue.records.size(), before);
  struct Sink final : RecordSink {
    void put(const RecordRef& record) override { told += std::string(record.type->name) + ' '; }
    std::string told;
  } sink;
  shared->on_time(TestFlow::kBegin + 9 * kSecond, sink);
  EXPECT_EQ(sink.told, "");
  cloud.answer();
  shared->on_time(TestFlow::kBegin + 10 * kSecond, sink);
  EXPECT_EQ(sink.told, "call ");
}

TEST(CallsElsewhere, WhatIsRememberedIsBounded) {
  TwoProbes probes;
  CallBook& book = probes.south->of<CallBook>();
  StreamOfCall found;
  for (size_t at = 0; at < 2 * CallBook::kMostElsewhere; ++at) {
    const SdpAddress source{address("10.1." + std::to_string(at / 250) + "." + std::to_string(at % 250)), 4000};
    probes.cloud.keys["voip.endpoint." + endpoint_name(source)]["call"] = "call" + std::to_string(at);
    const CallBook::FarStream stream{source, {address("192.0.2.1"), 5000}, 1, 1, 2};
    EXPECT_EQ(book.find_far(stream, nullptr, CallBook::Look::Ask, found), CallBook::Far::Asked);
    probes.cloud.answer();
    EXPECT_EQ(book.find_far(stream, nullptr, CallBook::Look::Again, found), CallBook::Far::Found);
  }
}

}  // namespace
}  // namespace microcloud
