// RTP streams: what is counted, whose they are, what RTCP adds, and what is no RTP.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "protocols/voip_flows_test.h"

namespace microcloud {
namespace {

using namespace voip_test;

TEST(RtpStream, EveryElementIsTold) {
  Rtp flow;
  flow.stream(kCaller, 77, 65'530, 100);
  flow.end();
  EXPECT_EQ(flow.only(), (Told{{"record", "rtp"},
                               {"from", "initiator"},
                               {"observationTimeMilliseconds", "1700000000000"},
                               {"transactionIndex", "1"},
                               {"rtpSsrc", "77"},
                               {"rtpPayloadType", "8"},
                               {"rtpCodec", "PCMA"},
                               {"rtpPackets", "100"},
                               {"rtpExpectedPackets", "100"},
                               {"rtpLostPackets", "0"},
                               {"rtpDuplicatePackets", "0"},
                               {"rtpReorderedPackets", "0"},
                               {"rtpJitterMicroseconds", "0"},
                               {"rtpMaxJitterMicroseconds", "0"},
                               {"rtpDurationMilliseconds", "1980"},
                               {"rtpDtmfEvents", "0"},
                               {"rtpMosLq", "4.409"},
                               {"rtpRFactor", "93.200"}}));
}

TEST(RtpStream, ThreePercentAreLostExactly) {
  Rtp flow;
  flow.stream(kCalled, 1, 60'000, 10'000, [](uint32_t at) { return at % 100 >= 40 && at % 100 < 43; });
  flow.end();
  EXPECT_EQ(flow.only().at("from"), "responder");
  EXPECT_EQ(flow.only().at("rtpExpectedPackets"), "10000");
  EXPECT_EQ(flow.only().at("rtpLostPackets"), "300");
  EXPECT_EQ(flow.only().at("rtpPackets"), "9700");
  EXPECT_EQ(flow.only().at("rtpRFactor"), "83.058") << "93.2 - 95 * 3 / (3 + 25.1)";
}

TEST(RtpStream, EachSsrcIsAStream) {
  Rtp flow;
  flow.stream(kCaller, 1, 100, 50);
  flow.stream(kCaller, 2, 9000, 50, kSecond);
  flow.stream(kCalled, 1, 5, 50, kSecond);
  flow.packet(kCaller, {.sequence = 1, .ssrc = 99}, 2 * kSecond);
  flow.end();
  ASSERT_EQ(flow.told().size(), 3U) << "one packet alone is no stream";
  for (const Told& told : flow.told()) EXPECT_EQ(told.at("rtpLostPackets"), "0");
}

TEST(RtpStream, ManySourcesDisplaceTheOldest) {
  Rtp flow;
  for (uint32_t ssrc = 0; ssrc < 100; ++ssrc) flow.stream(kCaller, ssrc, 100, 3, ssrc * kSecond);
  flow.end();
  EXPECT_EQ(flow.told().size(), 100U);
}

TEST(RtpStream, EventsAreNoMedia) {
  Rtp flow;
  const auto event = [&](uint16_t sequence, uint32_t timestamp, int64_t at_us) {
    flow.packet(kCaller, {.payload_type = 101, .sequence = sequence, .timestamp = timestamp, .payload = 4}, at_us);
  };
  flow.stream(kCaller, 7, 0, 10);
  for (uint16_t at = 10; at < 15; ++at) event(at, 1600, kTick * at);
  for (uint16_t at = 15; at < 20; ++at) event(at, 3200, kTick * at);
  for (uint32_t at = 20; at < 30; ++at)
    flow.packet(kCaller, {.sequence = static_cast<uint16_t>(at), .timestamp = 160 * at}, kTick * at);
  flow.end();
  EXPECT_EQ(flow.only().at("rtpDtmfEvents"), "2");
  EXPECT_EQ(flow.only().at("rtpPackets"), "30");
  EXPECT_EQ(flow.only().at("rtpPayloadType"), "8");
  EXPECT_EQ(flow.only().at("rtpMaxJitterMicroseconds"), "0") << "their timestamps say nothing";
}

TEST(RtpStream, WhatIsNotKnownIsNotTold) {
  Rtp flow;
  for (uint16_t at = 0; at < 10; ++at)
    flow.packet(kCaller, {.payload_type = 111, .sequence = at, .timestamp = 960U * at}, kTick * at);
  flow.end();
  for (const char* name : {"rtpCodec", "rtpMosLq", "rtpRFactor", "rtpJitterMicroseconds", "sipCallId", "rtpMatch"})
    EXPECT_FALSE(flow.only().contains(name)) << name;
}

TEST(RtpStream, EndsWhenItIsSilent) {
  Rtp flow;
  flow.stream(kCaller, 1, 0, 50);
  flow.time(59 * kSecond);
  EXPECT_TRUE(flow.told().empty());
  flow.time(62 * kSecond);
  EXPECT_EQ(flow.told().size(), 1U);
  EXPECT_EQ(flow.end().size(), 1U);
}

TEST(RtpStream, SomethingElseIsGivenUp) {
  Rtp flow;
  const std::vector<uint8_t> other(40, 0x70);
  for (int at = 0; at < 63; ++at) EXPECT_EQ(flow.send(kCaller, Bytes(other)), Status::More);
  EXPECT_EQ(flow.send(kCaller, Bytes(other)), Status::Malformed);
  Rtp good;
  good.stream(kCaller, 1, 0, 10);
  for (int at = 0; at < 100; ++at) EXPECT_EQ(good.send(kCaller, Bytes(other)), Status::More) << "a fax may follow";
}

// ---- whose it is

TEST(RtpMatch, ExactInBothDirections) {
  const auto shared = std::make_shared<Shared>();
  Sip sip(shared);
  sip.begin("c1");
  Rtp rtp(shared);
  rtp.stream(kCaller, 1, 0, 100, kSecond);
  rtp.stream(
      kCalled, 2, 0, 100, [](uint32_t at) { return at == 50; }, kSecond);
  sip.finish("c1", 4 * kSecond);
  rtp.time(6 * kSecond);
  ASSERT_EQ(rtp.told().size(), 2U) << "the call is over: they are told";
  for (const Told& told : rtp.told()) {
    EXPECT_EQ(told.at("sipCallId"), "c1");
    EXPECT_EQ(told.at("rtpMatch"), "exact");
  }
  sip.time(10 * kSecond);
  const Told call = sip.call("c1");
  EXPECT_EQ(call.at("callStreams"),
            "src=192.0.2.1:4000 dst=192.0.2.2:5000 ssrc=1 codec=PCMA packets=100 expected=100 lost=0 dup=0 late=0 "
            "jitterUs=0 maxJitterUs=0 mos=4.409 r=93.200 match=exact|"
            "src=192.0.2.2:5000 dst=192.0.2.1:4000 ssrc=2 codec=PCMA packets=99 expected=100 lost=1 dup=0 late=0 "
            "jitterUs=0 maxJitterUs=0 mos=4.328 r=89.560 match=exact");
  EXPECT_EQ(call.at("callCodecs"), "PCMA");
  EXPECT_EQ(call.at("callMosLq"), "4.328") << "of the worst direction";
}

TEST(RtpMatch, InTheirOrder) {
  const auto matched = [](const std::string& client, uint16_t port, const std::string& server, uint16_t server_port) {
    const auto shared = std::make_shared<Shared>();
    Sip sip(shared);
    // The caller is behind a NAT: its SDP has a private address; its SIP comes from 198.51.100.1.
    sip.begin("c1", sdp_text("10.0.0.5", 4000), sdp_text("192.0.2.2", 5000));
    Rtp rtp(shared, port, server_port, client, server);
    rtp.stream(kCaller, 1, 0, 10);
    rtp.end();
    const Told told = rtp.only();
    return told.contains("rtpMatch") ? told.at("rtpMatch") : "none";
  };
  EXPECT_EQ(matched("203.0.113.9", 1, "192.0.2.2", 5000), "exact") << "to where SDP says";
  EXPECT_EQ(matched("192.0.2.2", 5000, "203.0.113.9", 1), "symmetric") << "from where SDP says";
  EXPECT_EQ(matched("203.0.113.8", 1, "198.51.100.1", 4000), "sipsource") << "to where the SIP came from";
  EXPECT_EQ(matched("198.51.100.1", 4000, "203.0.113.8", 1), "sipsource");
  EXPECT_EQ(matched("203.0.113.8", 1, "203.0.113.9", 2), "none");
}

TEST(RtpMatch, LearnedOfTheOtherDirection) {
  const auto shared = std::make_shared<Shared>();
  Sip sip(shared);
  sip.begin("c1", sdp_text("10.0.0.5", 4000), sdp_text("10.0.0.6", 5000));
  Rtp first(shared, 1000, 2000, "198.51.100.1", "203.0.113.2");
  first.dialogue.flow().source_port = 4000;
  first.stream(kCaller, 1, 0, 10);
  Rtp elsewhere(shared, 1001, 4000, "203.0.113.7", "198.51.100.1");
  elsewhere.stream(kCaller, 3, 0, 10);
  elsewhere.end();
  EXPECT_EQ(elsewhere.only().at("rtpMatch"), "sipsource");
  Rtp third(shared, 1001, 3000, "203.0.113.7", "203.0.113.8");
  third.stream(kCaller, 4, 0, 10);
  third.end();
  EXPECT_EQ(third.only().at("rtpMatch"), "learned") << "its source has sent to the call before";
  EXPECT_EQ(third.only().at("sipCallId"), "c1");
}

TEST(RtpMatch, SignallingThatComesLater) {
  const auto shared = std::make_shared<Shared>();
  Sip sip(shared);
  Rtp rtp(shared);
  rtp.stream(kCaller, 1, 0, 10);
  sip.begin("c1");
  rtp.time(kSecond);
  rtp.stream(kCaller, 1, 10, 200, kSecond);
  rtp.time(5 * kSecond);
  rtp.stream(kCaller, 1, 210, 10, 6 * kSecond);
  Rtp late(shared, 4000, 5000, "192.0.2.1", "192.0.2.9");
  late.stream(kCaller, 5, 0, 200);
  late.time(3 * kSecond);
  sip.say(kCalled, sip_answer(183, "c1", "1 INVITE", sdp_text("192.0.2.9", 5000)), 6 * kSecond);
  rtp.end();
  late.end();
  EXPECT_EQ(rtp.only().at("rtpMatch"), "exact");
  EXPECT_EQ(late.only().at("rtpMatch"), "symmetric");
}

TEST(RtpMatch, AtTheEndOfTheFlowIsTheLastChance) {
  const auto shared = std::make_shared<Shared>();
  Rtp rtp(shared);
  rtp.stream(kCaller, 1, 0, 300);
  Sip sip(shared);
  sip.begin("c1", sdp_text("192.0.2.1", 4000), sdp_text("192.0.2.2", 5000), 7 * kSecond);
  rtp.end();
  EXPECT_EQ(rtp.only().at("rtpMatch"), "exact");
}

TEST(RtpMatch, EarlyMediaComesBeforeTheAnswer) {
  const auto shared = std::make_shared<Shared>();
  Sip sip(shared);
  sip.say(kCaller, invite("c1", sdp_text("192.0.2.1", 4000)));
  sip.say(kCalled, sip_answer(183, "c1", "1 INVITE", sdp_text("192.0.2.2", 5000)), kSecond);
  Rtp rtp(shared);
  rtp.stream(kCalled, 1, 0, 10, kSecond);
  sip.say(kCalled, sip_answer(200, "c1", "1 INVITE", sdp_text("192.0.2.2", 5000)), 2 * kSecond);
  rtp.end();
  EXPECT_EQ(rtp.only().at("rtpMatch"), "exact");
  sip.end(FlowOver::RunOver);
  EXPECT_EQ(sip.call("c1").at("callEarlyMedia"), "1");
  EXPECT_TRUE(sip.call("c1").contains("callStreams"));
}

TEST(RtpMatch, AReinviteMovesThePort) {
  const auto shared = std::make_shared<Shared>();
  Sip sip(shared);
  sip.begin("c1");
  sip.say(kCaller, invite("c1", sdp_text("192.0.2.1", 4400), "2 INVITE"), kSecond);
  Rtp old(shared), moved(shared, 4400);
  moved.stream(kCalled, 2, 0, 10, 2 * kSecond);
  old.stream(kCalled, 1, 0, 10, 2 * kSecond);
  moved.end();
  old.end();
  EXPECT_EQ(moved.only().at("rtpMatch"), "exact");
  EXPECT_EQ(old.only().at("rtpMatch"), "exact") << "what is on its way still goes to the old one";
}

TEST(RtpMatch, ByeComesBeforeTheLastRtp) {
  const auto shared = std::make_shared<Shared>();
  Sip sip(shared);
  sip.begin("c1");
  Rtp rtp(shared);
  rtp.stream(kCaller, 1, 0, 100);
  sip.finish("c1", 2 * kSecond);
  rtp.stream(kCaller, 1, 100, 10, 2 * kSecond + kTick);
  rtp.time(5 * kSecond);
  sip.time(8 * kSecond);
  EXPECT_EQ(rtp.only().at("rtpPackets"), "110");
  EXPECT_NE(sip.call("c1").at("callStreams").find("packets=110 "), std::string::npos);
}

TEST(RtpMatch, APortThatIsUsedAgainGoesToTheNewCall) {
  const auto shared = std::make_shared<Shared>();
  Sip sip(shared);
  sip.begin("c1");
  Rtp rtp(shared);
  rtp.stream(kCaller, 1, 0, 100);
  sip.finish("c1", 2 * kSecond);
  sip.begin("c2", sdp_text("192.0.2.1", 4000), sdp_text("192.0.2.2", 5000), 3 * kSecond);
  rtp.stream(kCaller, 2, 0, 50, 3 * kSecond + kTick);
  rtp.end();
  ASSERT_EQ(rtp.told().size(), 2U);
  for (const Told& told : rtp.told()) EXPECT_EQ(told.at("sipCallId"), told.at("rtpSsrc") == "1" ? "c1" : "c2");
  sip.end(FlowOver::RunOver, 5 * kSecond);
  EXPECT_NE(sip.call("c2").at("callStreams").find("packets=50 "), std::string::npos);
  EXPECT_EQ(sip.call("c2").at("callStreams").find('|'), std::string::npos);
}

TEST(RtpMatch, TheSsrcChangesInTheMiddle) {
  const auto shared = std::make_shared<Shared>();
  Sip sip(shared);
  sip.begin("c1");
  Rtp rtp(shared);
  rtp.stream(kCaller, 1, 0, 100);
  rtp.stream(kCaller, 2, 40'000, 100, 2 * kSecond);
  rtp.end();
  ASSERT_EQ(rtp.told().size(), 2U);
  for (const Told& told : rtp.told()) {
    EXPECT_EQ(told.at("rtpMatch"), "exact");
    EXPECT_EQ(told.at("rtpLostPackets"), "0");
  }
}

TEST(RtpMatch, TheSessionDescriptionNamesTheCodec) {
  const auto shared = std::make_shared<Shared>();
  Sip sip(shared);
  const std::string described =
      "v=0\r\nc=IN IP4 192.0.2.2\r\nm=audio 5000 RTP/AVP 97 100\r\na=rtpmap:97 G729/8000\r\n"
      "a=rtpmap:100 telephone-event/8000\r\n";
  sip.begin("c1", sdp_text("192.0.2.1", 4000), described);
  Rtp rtp(shared);
  rtp.packet(kCaller, {.payload_type = 100, .sequence = 0, .timestamp = 0, .payload = 4}, 0);
  rtp.packet(kCaller, {.payload_type = 100, .sequence = 1, .timestamp = 0, .payload = 4}, kTick);
  for (uint16_t at = 2; at < 20; ++at)
    rtp.packet(kCaller, {.payload_type = 97, .sequence = at, .timestamp = 160U * at, .payload = 20}, kTick * at);
  rtp.end();
  EXPECT_EQ(rtp.only().at("rtpCodec"), "G729");
  EXPECT_EQ(rtp.only().at("rtpPayloadType"), "97");
  EXPECT_EQ(rtp.only().at("rtpMosLq"), "4.104");
  EXPECT_EQ(rtp.only().at("rtpDtmfEvents"), "1");
  EXPECT_TRUE(rtp.only().contains("rtpJitterMicroseconds"));
}

// ---- RTCP

std::vector<uint8_t> rtcp(uint8_t type, uint32_t sender, uint32_t middle, uint32_t about, uint32_t lost,
                          uint32_t jitter, uint32_t last, uint32_t since) {
  std::vector<uint8_t> bytes;
  const auto put = [&](uint64_t value, unsigned octets) {
    for (unsigned at = octets; at > 0; --at) bytes.push_back(static_cast<uint8_t>(value >> 8 * (at - 1)));
  };
  put(0x81, 1);
  put(type, 1);
  put(type == 200 ? 12 : 7, 2);
  put(sender, 4);
  if (type == 200) {
    put(uint64_t{middle} << 16, 8);
    put(0, 4);
    put(0, 4);
    put(0, 4);
  }
  put(about, 4);
  put(lost & 0xffffffU, 4);
  put(0, 4);
  put(jitter, 4);
  put(last, 4);
  put(since, 4);
  put(0x81ca0002, 4);  // a description with an empty name
  put(sender, 4);
  put(0x01000000, 4);
  return bytes;
}

TEST(Rtcp, ReportsAreToldWithTheirStream) {
  const auto shared = std::make_shared<Shared>();
  Rtp rtp(shared), reports(shared, 4001, 5001);
  rtp.stream(kCaller, 1, 0, 100);
  reports.send(kCaller, Bytes(rtcp(200, 1, 0x12345678, 2, 0, 0, 0, 0)), kSecond);
  reports.send(kCalled, Bytes(rtcp(201, 2, 0, 1, 0xfffffe, 80, 0x12345678, 65'536 / 2)), kSecond + 530'000);
  rtp.end();
  EXPECT_EQ(rtp.only().at("rtcpLostPackets"), "-2");
  EXPECT_EQ(rtp.only().at("rtcpJitterMicroseconds"), "10000");
  EXPECT_EQ(rtp.only().at("rtcpRoundTripMicroseconds"), "30000");
  EXPECT_TRUE(reports.end().empty());
}

/// The receiver of a stream of 100 packets answers each report after `round_us`, as its sender does the other one's.
struct Quality {
  std::shared_ptr<Shared> shared = std::make_shared<Shared>();
  Sip sip{shared};
  Rtp rtp{shared}, reports{shared, 4001, 5001};

  void talk() {
    sip.begin("c1");
    rtp.stream(kCaller, 1, 0, 100);
    rtp.stream(kCalled, 2, 0, 100);
  }
  void round_trip(bool sender, uint32_t ssrc, uint32_t receiver, int64_t round_us) {
    reports.send(sender, Bytes(rtcp(200, ssrc, 0x12345678, receiver, 0, 0, 0, 0)), kSecond);
    reports.send(!sender, Bytes(rtcp(201, receiver, 0, ssrc, 0, 0, 0x12345678, 65'536)), 2 * kSecond + round_us);
  }
  Told call() {
    sip.finish("c1", 3 * kSecond);
    return sip.end(FlowOver::RunOver, 10 * kSecond).back();
  }
};

TEST(Rtcp, WithARoundTripThereIsConversationalQuality) {
  for (const auto& [round_us, mos] : {std::pair(300'000, "4.329"), {400'000, "4.226"}, {600'000, "3.712"}}) {
    Quality of;
    of.talk();
    of.round_trip(kCaller, 1, 2, round_us);
    of.rtp.end();
    EXPECT_EQ(of.rtp.told().at(0).at("rtpMosCq"), mos);
    EXPECT_EQ(of.rtp.told().at(0).at("rtpMosLq"), "4.409");
    EXPECT_FALSE(of.rtp.told().at(1).contains("rtpMosCq")) << "of the other direction nothing is known";
    const Told call = of.call();
    EXPECT_EQ(call.at("callMosCq"), mos);
    EXPECT_EQ(call.at("callMosLq"), "4.409");
    EXPECT_NE(call.at("callStreams").find(" r=93.200 mosCq=" + std::string(mos) + " match="), std::string::npos);
  }
}

TEST(Rtcp, BothWaysAreTheDelayFromEndToEnd) {
  Quality of;
  of.talk();
  of.round_trip(kCaller, 1, 2, 100'000);
  of.round_trip(kCalled, 2, 1, 300'000);
  of.rtp.end();
  for (const Told& one : of.rtp.told()) EXPECT_EQ(one.at("rtpMosCq"), "4.226") << "200 ms one way, for both";
  EXPECT_EQ(of.call().at("callMosCq"), "4.226");
}

TEST(Rtcp, WithoutARoundTripThereIsNone) {
  Quality of;
  of.talk();
  of.reports.send(kCalled, Bytes(rtcp(201, 2, 0, 1, 3, 80, 0, 0)), kSecond);
  of.rtp.end();
  for (const Told& one : of.rtp.told()) EXPECT_FALSE(one.contains("rtpMosCq"));
  EXPECT_EQ(of.rtp.told().at(0).at("rtcpLostPackets"), "3");
  EXPECT_FALSE(of.call().contains("callMosCq"));
}

TEST(Rtcp, TheUserSaysWhatCodecsAreLike) {
  Quality of;
  const std::string path = testing::TempDir() + "/codecs." + std::to_string(getpid());
  std::ofstream(path) << "PCMA 15 16.1\n";
  CodecTable codecs;
  codecs.read(path);
  std::remove(path.c_str());
  of.shared->of<CallBook>().rate_by(codecs);
  of.talk();
  of.rtp.end();
  EXPECT_EQ(of.rtp.told().at(0).at("rtpMosLq"), "3.954");
  EXPECT_EQ(of.call().at("callMosLq"), "3.954");
}

// ---- recognition

Verdict recognised(const std::vector<uint8_t>& bytes, const std::vector<std::vector<uint8_t>>& earlier = {}) {
  const TestDialogue dialogue(kUdp);
  std::vector<Segment> before;
  for (const auto& one : earlier) before.push_back({.bytes = one, .octets = static_cast<uint32_t>(one.size())});
  const Segment segment{.bytes = bytes, .octets = static_cast<uint32_t>(bytes.size())};
  if (before.empty()) return protocol::rtp.recognise(segment, dialogue.flow());
  return protocol::rtp.recognise_more(segment, before, dialogue.flow());
}

TEST(RtpRecognition, TwoPacketsOfAStreamProveIt) {
  const RtpBytes first{.sequence = 5, .timestamp = 100, .ssrc = 9};
  EXPECT_EQ(recognised(first), Verdict::Unsure);
  EXPECT_EQ(recognised(RtpBytes{.sequence = 6, .timestamp = 260, .ssrc = 9}, {first}), Verdict::Mine);
  EXPECT_EQ(recognised(RtpBytes{.sequence = 6, .timestamp = 260, .ssrc = 8}, {first}), Verdict::Unsure);
  EXPECT_EQ(recognised(RtpBytes{.sequence = 5, .timestamp = 100, .ssrc = 9}, {first}), Verdict::Unsure) << "the same";
  EXPECT_EQ(recognised(RtpBytes{.sequence = 900, .timestamp = 260, .ssrc = 9}, {first}), Verdict::Unsure);
  const RtpBytes video{.sequence = 70, .timestamp = 9, .ssrc = 1};
  EXPECT_EQ(recognised(RtpBytes{.sequence = 6, .timestamp = 260, .ssrc = 9}, {first, video}), Verdict::Mine)
      << "two streams may share a flow";
  std::vector<std::vector<uint8_t>> many;
  for (uint32_t at = 0; at < 8; ++at) many.push_back(RtpBytes{.sequence = 6, .ssrc = at});
  EXPECT_EQ(recognised(RtpBytes{.sequence = 6, .ssrc = 99}, many), Verdict::NotMine);
}

TEST(RtpRecognition, WhatComesBesideItProvesNothing) {
  std::vector<uint8_t> stun = {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, dtls = {22, 254, 253}, snmp = {0x30, 40};
  for (auto* one : {&stun, &dtls, &snmp}) one->resize(40);
  EXPECT_EQ(recognised(stun), Verdict::Unsure);
  EXPECT_EQ(recognised(dtls), Verdict::Unsure);
  EXPECT_EQ(recognised(snmp), Verdict::NotMine);
  EXPECT_EQ(recognised({0x70, 1, 2, 3, 4}), Verdict::NotMine);
  EXPECT_EQ(recognised({}), Verdict::NotMine);
  EXPECT_EQ(recognised({0x80, 8, 0}), Verdict::NotMine) << "no whole header";
  EXPECT_EQ(recognised(RtpBytes{.payload_type = 60}), Verdict::NotMine) << "nobody has that payload type";
  EXPECT_EQ(recognised(rtcp(200, 1, 2, 3, 4, 5, 6, 7)), Verdict::Mine);
  std::vector<uint8_t> cut = rtcp(201, 1, 2, 3, 4, 5, 6, 7);
  cut.pop_back();
  EXPECT_EQ(recognised(cut), Verdict::Unsure);
}

// ---- the book's bounds

TEST(CallBook, TheOldestCallIsDisplaced) {
  const auto shared = std::make_shared<Shared>();
  Sip sip(shared);
  for (size_t at = 0; at < CallBook::kMostCalls + 1; ++at)
    sip.say(kCaller, invite("c" + std::to_string(at), sdp_text("192.0.2.1", 4000)), static_cast<int64_t>(at));
  sip.time(kSecond);
  const Told call = sip.call("c0");
  EXPECT_EQ(call.at("partial"), "too many calls");
  EXPECT_EQ(call.at("callState"), "timeout");
}

}  // namespace
}  // namespace microcloud
