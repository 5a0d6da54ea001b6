// What GTP's control messages say in each version, whose user an accepting response binds, and what is no GTP.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "protocols/dialogue_test.h"
#include "protocols/protocols.h"
#include "protocols/wire/gtp_message.h"
#include "protocols/wire/octets_test.h"

namespace microcloud {
namespace {

using Told = TestDialogue::Told;

constexpr uint8_t kUdp = 17;
constexpr bool kInitiator = TestFlow::kInitiator, kResponder = TestFlow::kResponder;
constexpr const char* kLatency = "serverLatencyMicroseconds";
constexpr uint8_t kAccepted1 = 128, kAccepted2 = 16;

Octets8 be16(size_t number) {
  return {static_cast<uint8_t>(number >> 8), static_cast<uint8_t>(number & 0xff)};
}

/// Version 1, with a sequence number.
Octets8 message1(uint8_t type, uint16_t sequence, const std::vector<Octets8>& elements, uint8_t teid = 0) {
  const Octets8 content = joined(elements);
  return joined({{0x32, type}, be16(content.size() + 4), {0, 0, 0, teid}, be16(sequence), {0, 0}, content});
}

Octets8 message2(uint8_t type, uint8_t sequence, const std::vector<Octets8>& elements, uint8_t teid = 0,
                 uint8_t more_flags = 0) {
  const Octets8 content = joined(elements);
  return joined({{static_cast<uint8_t>(0x48 | more_flags), type},
                 be16(content.size() + 8),
                 {0, 0, 0, teid},
                 {0, 0, sequence, 0},
                 content});
}

/// Of version 1 with a length of its own.
Octets8 long1(uint8_t type, const Octets8& value) {
  return joined({{type}, be16(value.size()), value});
}

Octets8 element2(uint8_t type, const Octets8& value) {
  return joined({{type}, be16(value.size()), {0}, value});
}

Octets8 octets(std::string_view text) {
  return {text.begin(), text.end()};
}

const Octets8 kImsi{0x00, 0x01, 0x01, 0x21, 0x43, 0x65, 0x87, 0xf9};  // 001010123456789
const Octets8 kApn = octets("\x08internet\x04test");
const Octets8 kV6{0x20, 1, 0x0d, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1};

Octets8 create1(uint16_t sequence, const std::vector<Octets8>& more = {}) {
  return message1(gtp1_type::kCreateRequest, sequence, {joined({{gtp1_element::kImsi}, kImsi}), joined(more)});
}

Octets8 created1(uint16_t sequence, uint8_t cause, const std::vector<Octets8>& more = {}) {
  return message1(gtp1_type::kCreateResponse, sequence, {{gtp1_element::kCause, cause}, joined(more)}, 1);
}

struct Gtp : TestFlow {
  Gtp() : TestFlow(protocol::gtpc, kUdp, 2123) {}
  const Told& say(bool from, const Octets8& bytes, int64_t at_us = 0) {
    send(from, bytes, at_us);
    return dialogue.records.back();
  }
};

Verdict recognised(const Octets8& bytes, uint16_t port) {
  const TestDialogue dialogue(kUdp, port);
  return protocol::gtpc.recognise({.bytes = bytes, .octets = static_cast<uint32_t>(bytes.size())}, dialogue.flow());
}

TEST(Gtpc, EveryElementOfVersion1) {
  Gtp flow;
  EXPECT_EQ(flow.say(kInitiator, create1(4097, {{15, 1},
                                                {gtp1_element::kDataTeid, 0, 0, 0, 7},
                                                {gtp1_element::kControlTeid, 0, 0, 0, 8},
                                                {20, 5},
                                                long1(gtp1_element::kUserAddress, {0xf1, 0x21}),
                                                long1(gtp1_element::kApn, kApn),
                                                long1(gtp1_element::kGsnAddress, {10, 0, 0, 1}),
                                                long1(gtp1_element::kGsnAddress, {10, 0, 0, 2}),
                                                long1(gtp1_element::kMsisdn, {0x91, 0x51, 0x55, 0xf0})})),
            (Told{{"record", "gtpc"},
                  {"from", "initiator"},
                  {"observationTimeMilliseconds", "1700000000000"},
                  {"transactionIndex", "1"},
                  {"gtpVersion", "1"},
                  {"gtpMessageType", "16"},
                  {"gtpTeid", "0"},
                  {"gtpSequence", "4097"},
                  {"mobileIMSI", "001010123456789"},
                  {"mobileMSISDN", "15550"},
                  {"gtpApn", "internet.test"},
                  {"gtpTunnels", "control:8@10.0.0.1|data:7@10.0.0.2"}}));
  const Told response = flow.say(
      kResponder, created1(4097, kAccepted1, {long1(gtp1_element::kUserAddress, {0xf1, 0x21, 10, 9, 8, 7})}), 350);
  EXPECT_EQ(response, (Told{{"record", "gtpc"},
                            {"from", "responder"},
                            {"observationTimeMilliseconds", "1700000000000"},
                            {"transactionIndex", "2"},
                            {"gtpVersion", "1"},
                            {"gtpMessageType", "17"},
                            {"gtpTeid", "1"},
                            {"gtpSequence", "4097"},
                            {"gtpCause", "128"},
                            {"gtpUserIPv4Address", response.at("gtpUserIPv4Address")},
                            {"gtpBoundUser", "001010123456789"},
                            {kLatency, "350"}}));
}

TEST(Gtpc, EveryElementOfVersion2) {
  Gtp flow;
  const Octets8 fteid = joined({{0xc6, 0, 0, 0, 9, 10, 0, 0, 1}, kV6});
  EXPECT_EQ(
      flow.say(
          kInitiator,
          message2(gtp2_type::kCreateRequest, 77,
                   {element2(gtp2_element::kImsi, kImsi), element2(gtp2_element::kMsisdn, {0x51, 0x55, 0xf0}),
                    element2(gtp2_element::kApn, kApn), element2(gtp2_element::kFteid, fteid),
                    element2(gtp2_element::kAddress, {1, 0, 0, 0, 0}),
                    element2(gtp2_element::kBearer, element2(gtp2_element::kFteid, {0x84, 0, 0, 0, 3, 10, 0, 0, 2}))})),
      (Told{{"record", "gtpc"},
            {"from", "initiator"},
            {"observationTimeMilliseconds", "1700000000000"},
            {"transactionIndex", "1"},
            {"gtpVersion", "2"},
            {"gtpMessageType", "32"},
            {"gtpTeid", "0"},
            {"gtpSequence", "77"},
            {"mobileIMSI", "001010123456789"},
            {"mobileMSISDN", "15550"},
            {"gtpApn", "internet.test"},
            {"gtpTunnels", "6:9@10.0.0.1|6:9@2001:db8:0:1::1|4:3@10.0.0.2"}}));
  const Octets8 both = joined({{3, 64}, kV6, {10, 9, 8, 7}});
  const Octets8 bearer_refused = element2(gtp2_element::kBearer, element2(gtp2_element::kCause, {64, 0}));
  const Told response = flow.say(
      kResponder,
      message2(
          gtp2_type::kCreateResponse, 77,
          {bearer_refused, element2(gtp2_element::kCause, {kAccepted2, 0}), element2(gtp2_element::kAddress, both)}, 5),
      90);
  EXPECT_EQ(response, (Told{{"record", "gtpc"},
                            {"from", "responder"},
                            {"observationTimeMilliseconds", "1700000000000"},
                            {"transactionIndex", "2"},
                            {"gtpVersion", "2"},
                            {"gtpMessageType", "33"},
                            {"gtpTeid", "5"},
                            {"gtpSequence", "77"},
                            {"gtpCause", "16"},
                            {"gtpUserIPv4Address", response.at("gtpUserIPv4Address")},
                            {"gtpUserIPv6Prefix", "2001:db8:0:1::/64"},
                            {"gtpBoundUser", "001010123456789"},
                            {kLatency, "90"}}));
}

TEST(Gtpc, OnlyAnAcceptingCauseBinds) {
  for (const int cause : {127, 192, 204, 219}) {
    Gtp flow;
    flow.say(kInitiator, create1(1));
    const Told& refused = flow.say(kResponder, created1(1, static_cast<uint8_t>(cause)), 10);
    EXPECT_FALSE(refused.contains("gtpBoundUser")) << cause;
    EXPECT_EQ(refused.at(kLatency), "10");
  }
  for (const int cause : {16, 17, 18, 19, 20, 64, 128}) {
    Gtp flow;
    flow.say(kInitiator, message2(gtp2_type::kCreateRequest, 1, {element2(gtp2_element::kMsisdn, {0x51, 0xf5})}));
    const Told& told = flow.say(
        kResponder,
        message2(gtp2_type::kCreateResponse, 1, {element2(gtp2_element::kCause, {static_cast<uint8_t>(cause), 0})}));
    EXPECT_EQ(told.contains("gtpBoundUser"), cause >= 16 && cause <= 19) << cause;
    if (told.contains("gtpBoundUser")) {
      EXPECT_EQ(told.at("gtpBoundUser"), "155");
    }
  }
}

TEST(Gtpc, AResponseIsTheOneOfItsRequest) {
  Gtp flow;
  flow.say(kInitiator, create1(1));
  EXPECT_FALSE(flow.say(kResponder, created1(2, kAccepted1)).contains(kLatency)) << "of another sequence number";
  EXPECT_FALSE(flow.say(kInitiator, created1(1, kAccepted1)).contains("gtpBoundUser")) << "of the wrong side";
  EXPECT_FALSE(flow.say(kResponder, message1(21, 1, {{gtp1_element::kCause, kAccepted1}})).contains(kLatency))
      << "of another kind";
  const Octets8 other = message2(gtp2_type::kCreateResponse, 1, {element2(gtp2_element::kCause, {kAccepted2, 0})});
  EXPECT_FALSE(flow.say(kResponder, other).contains(kLatency)) << "of another version";
  flow.say(kInitiator, create1(1), 500);
  EXPECT_EQ(flow.say(kResponder, created1(1, kAccepted1), 700).at(kLatency), "200") << "from the last transmission";
  EXPECT_FALSE(flow.say(kResponder, created1(1, kAccepted1), 800).contains("gtpBoundUser")) << "it was answered";
  flow.say(kResponder, message1(gtp1_type::kEchoRequest, 9, {}), 900);
  EXPECT_EQ(flow.say(kInitiator, message1(2, 9, {{14, 0}}), 950).at(kLatency), "50") << "both sides may ask";
  flow.say(kInitiator, message1(20, 3, {}), 1000);
  EXPECT_FALSE(
      flow.say(kResponder, message1(21, 3, {{gtp1_element::kCause, kAccepted1}}), 1010).contains("gtpBoundUser"));
}

TEST(Gtpc, ARefusalCountsWhenItsRequestWasSeen) {
  constexpr uint8_t kNoResources = 199;
  Gtp flow;
  flow.say(kResponder, created1(1, kNoResources));
  EXPECT_EQ(flow.dialogue.health(), ServiceHealth{});
  EXPECT_TRUE(flow.dialogue.counters.empty());
  flow.say(kInitiator, create1(2), 10);
  flow.say(kInitiator, create1(2), 20);
  flow.say(kResponder, created1(2, kNoResources), 30);
  flow.say(kResponder, created1(2, kNoResources), 40);
  EXPECT_EQ(flow.dialogue.health(), (ServiceHealth{.requests = 1, .errors = 1, .delays = 1}));
  EXPECT_EQ(flow.dialogue.counters, (std::map<std::string, uint64_t>{{"gtpc.requests", 1}, {"gtpc.rejects", 1}}));
}

TEST(Gtpc, Version0) {
  Gtp flow;
  const Octets8 head{0x1e, 16,   0,    2,    0x10, 1,    0,    0,    0xff, 0xff,
                     0xff, 0xff, 0x00, 0x01, 0x01, 0x21, 0x43, 0x65, 0x87, 0x59};
  const Told& told = flow.say(kInitiator, joined({head, {14, 3}}));
  EXPECT_EQ(told.at("gtpVersion"), "0");
  EXPECT_EQ(told.at("gtpSequence"), "4097");
  EXPECT_FALSE(told.contains("mobileIMSI")) << "programs differ in how it stands in the header";
  EXPECT_FALSE(told.contains("gtpTeid"));
  EXPECT_FALSE(told.contains("partial"));
  const Octets8 flow_labels{16, 0, 7, 17, 0, 8};
  EXPECT_FALSE(flow.say(kInitiator, joined({{0x1e, 16, 0, 6}, Octets8(head.begin() + 4, head.end()), flow_labels}))
                   .contains("partial"))
      << "flow labels are shorter than the endpoints of version 1";
}

TEST(Gtpc, HeadersOfAllForms) {
  Gtp flow;
  EXPECT_FALSE(flow.say(kInitiator, {0x30, 1, 0, 0, 0, 0, 0, 0}).contains("gtpSequence")) << "there is no number";
  const Octets8 extended{0x36, 1, 0, 10, 0, 0, 0, 0, 0, 5, 0, 0xc0, 1, 0, 0, 0, 14, 9};
  EXPECT_EQ(flow.say(kInitiator, extended).at("gtpSequence"), "5");
  EXPECT_FALSE(flow.dialogue.records.back().contains("partial")) << "behind the extension header is an element";
  EXPECT_FALSE(flow.say(kInitiator, {0x40, 1, 0, 9, 0, 0, 6, 0, 3, 0, 1, 0, 9}).contains("gtpTeid")) << "echo";
  const size_t before = flow.dialogue.records.size();
  flow.say(kInitiator,
           joined({message2(33, 3, {element2(gtp2_element::kCause, {16, 0})}, 1, 0x10), message2(95, 4, {}, 2)}));
  ASSERT_EQ(flow.dialogue.records.size(), before + 2) << "one is piggybacked";
  EXPECT_EQ(flow.dialogue.records.back().at("gtpMessageType"), "95");
  flow.send(kInitiator, Octets8{0x30, 255, 0, 1, 0, 0, 0, 1, 7});
  EXPECT_EQ(flow.dialogue.records.size(), before + 2) << "what the user plane tunnels is no control message";
}

TEST(Gtpc, WhatIsMalformedIsSaid) {
  Gtp flow;
  const auto partial = [&](const Octets8& bytes) {
    const Told& told = flow.say(kInitiator, bytes);
    return told.contains("partial") ? told.at("partial") : "";
  };
  EXPECT_EQ(partial(create1(1)), "");
  EXPECT_EQ(partial(message1(16, 2, {{7, 1}})), "element malformed") << "a type that nobody knows has no size";
  EXPECT_EQ(partial(message1(16, 3, {{gtp1_element::kApn, 0, 9, 1}})), "element malformed");
  EXPECT_EQ(partial(message1(16, 4, {long1(gtp1_element::kUserAddress, {1})})), "element malformed");
  EXPECT_EQ(partial(message2(32, 5, {{gtp2_element::kApn, 0, 9, 0, 1}})), "element malformed");
  EXPECT_EQ(partial(message2(32, 6, {element2(gtp2_element::kFteid, {0x80, 0, 0, 0, 1, 10})})), "element malformed");
  EXPECT_EQ(partial(message2(32, 7, {element2(gtp2_element::kAddress, {2, 64, 1})})), "element malformed");
  EXPECT_EQ(partial(message2(32, 8, {element2(gtp2_element::kBearer, {1})})), "element malformed");
  const Octets8 fteid = element2(gtp2_element::kFteid, {0x80, 0, 0, 0, 1, 10, 0, 0, 1});
  EXPECT_EQ(partial(message2(32, 9, std::vector<Octets8>(13, fteid))), "tunnels cut");
}

TEST(Gtpc, TheCaptureMayCutAMessage) {
  Gtp flow;
  const Octets8 whole = create1(1, {long1(gtp1_element::kApn, kApn)});
  flow.send({.bytes = Bytes(whole).first(whole.size() - 1), .octets = static_cast<uint32_t>(whole.size())});
  EXPECT_EQ(flow.dialogue.records.back().at("partial"), "message cut");
  EXPECT_EQ(flow.dialogue.records.back().at("mobileIMSI"), "001010123456789");
  EXPECT_FALSE(flow.dialogue.records.back().contains("gtpApn"));
}

TEST(Gtpc, SomethingElseIsGivenUp) {
  Gtp flow;
  for (int at = 0; at < 7; ++at) EXPECT_EQ(flow.send(kInitiator, Octets8{0x62, 1, 0, 0, 0, 0, 0, 0}), Status::More);
  EXPECT_EQ(flow.send(kInitiator, Octets8{0x32, 1, 0, 9, 0, 0, 0, 0}), Status::Malformed);
  EXPECT_TRUE(flow.dialogue.records.empty());
}

TEST(Gtpc, OnlyWhatFitsTogetherIsRecognisedAtOtherPorts) {
  const Octets8 good1 = create1(1), good2 = message2(32, 1, {element2(gtp2_element::kImsi, kImsi)});
  EXPECT_EQ(recognised(good1, 4000), Verdict::Mine);
  EXPECT_EQ(recognised(good2, 4000), Verdict::Mine);
  EXPECT_EQ(recognised(joined({message2(33, 1, {element2(gtp2_element::kCause, {16, 0})}, 1, 0x10), good2}), 4000),
            Verdict::Mine);
  EXPECT_EQ(recognised(joined({good1, {0}}), 4000), Verdict::NotMine);
  EXPECT_EQ(recognised(joined({good1, {0}}), 2123), Verdict::Unsure);
  EXPECT_EQ(recognised(message1(16, 1, {}), 4000), Verdict::NotMine) << "nothing proves it";
  EXPECT_EQ(recognised(message1(16, 1, {}), 2123), Verdict::Mine);
  EXPECT_EQ(recognised(message1(16, 1, {{7, 1}}), 4000), Verdict::NotMine);
  EXPECT_EQ(recognised(message2(60, 1, {element2(gtp2_element::kImsi, kImsi)}), 4000), Verdict::NotMine);
  EXPECT_EQ(recognised({0x22, 16, 0, 0, 0, 0}, 2123), Verdict::Unsure) << "GTP'";
  EXPECT_EQ(recognised(Octets8{}, 4000), Verdict::NotMine);
}

TEST(Gtpc, Digits) {
  EXPECT_EQ(tbcd_digits(Octets8{0x21, 0xf3}), "123");
  EXPECT_EQ(tbcd_digits(Octets8{0xba, 0xdc, 0x1e}), "*#abc1");
  EXPECT_EQ(tbcd_digits(Octets8{0xff, 0x21}), "");
  EXPECT_EQ(apn_text(Octets8{3, 'a', 'b', 'c', 9, 'd'}), "abc.d") << "cut";
}

}  // namespace
}  // namespace microcloud
