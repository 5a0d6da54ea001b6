// What DHCP messages say, for both families, what relays add, and what is no DHCP.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "protocols/dialogue_test.h"
#include "protocols/protocols.h"
#include "protocols/wire/dhcp_message.h"
#include "protocols/wire/octets_test.h"

namespace microcloud {
namespace {

using namespace std::string_literals;
using Told = TestDialogue::Told;

constexpr uint8_t kUdp = 17;
constexpr bool kInitiator = TestFlow::kInitiator, kResponder = TestFlow::kResponder;
constexpr const char* kLatency = "serverLatencyMicroseconds";

struct Message4 {
  uint8_t operation = 1;
  uint8_t type = dhcp4_type::kDiscover;
  uint32_t transaction = 7;
  Octets8 ciaddr = {0, 0, 0, 0};
  Octets8 yiaddr = {0, 0, 0, 0};
  Octets8 options = {};  // behind the message type
  Octets8 giaddr = {0, 0, 0, 0};
  uint8_t hardware_octets = 6;

  Octets8 bytes() const {
    const Octets8 transaction8{static_cast<uint8_t>(transaction >> 24), static_cast<uint8_t>(transaction >> 16 & 0xff),
                               static_cast<uint8_t>(transaction >> 8 & 0xff), static_cast<uint8_t>(transaction & 0xff)};
    return joined({{operation, 1, hardware_octets, 0},
                   transaction8,
                   Octets8(4),
                   ciaddr,
                   yiaddr,
                   Octets8(4),
                   giaddr,
                   {2, 0, 0, 0, 0, 0x0a},
                   Octets8(10 + 64 + 128),
                   {0x63, 0x82, 0x53, 0x63, dhcp4_option::kMessageType, 1, type},
                   options,
                   {dhcp4_option::kEnd}});
  }
};

Octets8 option4(uint8_t code, const Octets8& value) {
  return joined({{code, static_cast<uint8_t>(value.size())}, value});
}

Octets8 option6(uint16_t code, const Octets8& value) {
  return joined({{static_cast<uint8_t>(code >> 8), static_cast<uint8_t>(code & 0xff),
                  static_cast<uint8_t>(value.size() >> 8), static_cast<uint8_t>(value.size() & 0xff)},
                 value});
}

Octets8 address6(uint8_t last) {
  Octets8 address{0x20, 1, 0x0d, 0xb8};
  address.resize(16);
  address[15] = last;
  return address;
}

Octets8 seconds(uint8_t number) {
  return {0, 0, 0, number};
}

Octets8 ia_address(uint8_t last, uint8_t valid_s, const Octets8& options = {}) {
  return option6(dhcp6_option::kIaAddress, joined({address6(last), seconds(valid_s), seconds(valid_s), options}));
}

Octets8 ia_prefix(uint8_t bits, uint8_t valid_s) {
  return option6(dhcp6_option::kIaPrefix, joined({seconds(valid_s), seconds(valid_s), {bits}, address6(0)}));
}

Octets8 association(uint16_t code, const Octets8& options) {
  return option6(code, joined({Octets8(code == dhcp6_option::kIaTa ? 4 : 12), options}));
}

Octets8 message6(uint8_t type, const std::vector<Octets8>& options) {
  return joined({{type, 0, 0, 9}, joined(options)});
}

Octets8 relayed6(uint8_t type, const std::vector<Octets8>& options) {
  return joined({{type, 0}, Octets8(32), joined(options)});
}

struct Dhcp4 : TestFlow {
  Dhcp4() : TestFlow(protocol::dhcp, kUdp, 67) {}
  const Told& say(bool from, const Octets8& bytes, int64_t at_us = 0) {
    send(from, bytes, at_us);
    return dialogue.records.back();
  }
};

/// Between IPv6 addresses.
struct Dhcp6 {
  class Flow final : public Dialogue {
   public:
    explicit Flow(TestDialogue& told) : told_(told), flow_(told.flow()) {
      flow_.source = IpAddress::v6(address6(1).data());
      flow_.destination = IpAddress::v6(address6(2).data());
      flow_.destination_port = 547;
    }
    const Common& flow() const override { return flow_; }
    /// The flow in which a server answers who asked all.
    void turn() {
      flow_.source = IpAddress::v6(address6(77).data());
      flow_.source_port = 547;
      flow_.destination = IpAddress::v6(address6(1).data());
      flow_.destination_port = 546;
    }
    const Disclosure& disclosure() const override { return told_.disclosure(); }
    Shared& shared() override { return told_.shared(); }
    uint32_t next_transaction() override { return told_.next_transaction(); }
    void tell(const RecordType& type, const void* body, bool source_is_initiator) override {
      told_.tell(type, body, source_is_initiator);
    }

   private:
    TestDialogue& told_;
    Common flow_;
  };

  const Told& say(bool from_initiator, const Octets8& bytes, int64_t at_us = 0, size_t captured = SIZE_MAX) {
    parser->on_data({.bytes = Bytes(bytes).first(std::min(captured, bytes.size())),
                     .octets = static_cast<uint32_t>(bytes.size()),
                     .from_initiator = from_initiator,
                     .time_us = TestFlow::kBegin + at_us},
                    flow);
    return told.records.back();
  }

  TestDialogue told{kUdp};
  Flow flow{told};
  std::unique_ptr<Parser> parser = protocol::dhcp.make_parser();
};

Verdict recognised(const Octets8& bytes, uint16_t port, bool ipv6 = false) {
  TestDialogue told(kUdp, port);
  Common flow = Dhcp6::Flow(told).flow();
  flow.destination_port = port;
  return protocol::dhcp.recognise({.bytes = bytes, .octets = static_cast<uint32_t>(bytes.size())},
                                  ipv6 ? flow : told.flow());
}

TEST(Dhcp, EveryElementOfARequest) {
  Dhcp4 flow;
  const Octets8 options = joined(
      {option4(dhcp4_option::kHostName, octets("laptop\0"s)), option4(dhcp4_option::kRequestedAddress, {10, 0, 0, 9}),
       option4(dhcp4_option::kLeaseTime, seconds(90)), option4(dhcp4_option::kClientId, {1, 2, 0, 0, 0, 0, 0x0a}),
       option4(dhcp4_option::kRelayAgent,
               joined({option4(dhcp4_relay::kCircuit, octets("eth 0/7")), option4(dhcp4_relay::kRemote, {0, 0xab}),
                       option4(dhcp4_relay::kSubscriber, octets("flat 3"))}))});
  const Told told = flow.say(kInitiator, Message4{.type = dhcp4_type::kRequest, .options = options}.bytes());
  EXPECT_EQ(told, (Told{{"record", "dhcp"},
                        {"from", "initiator"},
                        {"observationTimeMilliseconds", "1700000000000"},
                        {"transactionIndex", "1"},
                        {"dhcpMessageType", "3"},
                        {"dhcpTransactionId", "7"},
                        {"dhcpClientMac", told.at("dhcpClientMac")},
                        {"dhcpClientId", "0102000000000a"},
                        {"dhcpHostName", "laptop"},
                        {"dhcpClientIPv4Address", told.at("dhcpClientIPv4Address")},
                        {"dhcpLeaseSeconds", "90"},
                        {"dhcpRelayCircuitId", "eth 0/7"},
                        {"dhcpRelayRemoteId", "0x00ab"},
                        {"dhcpRelaySubscriberId", "flat 3"}}));
}

TEST(Dhcp, OnlyAServerAssigns) {
  Dhcp4 flow;
  flow.say(kInitiator, Message4{.type = dhcp4_type::kRequest, .yiaddr = {10, 0, 0, 9}}.bytes());
  EXPECT_FALSE(flow.dialogue.records.back().contains("dhcpAssignedIPv4Address"));
  const Told& ack =
      flow.say(kResponder, Message4{.operation = 2, .type = dhcp4_type::kAck, .yiaddr = {10, 0, 0, 9}}.bytes());
  EXPECT_TRUE(ack.contains("dhcpAssignedIPv4Address"));
  EXPECT_FALSE(ack.contains("dhcpClientIPv4Address"));
  const Told& inform = flow.say(kResponder, Message4{.operation = 2, .type = dhcp4_type::kAck}.bytes());
  EXPECT_FALSE(inform.contains("dhcpAssignedIPv4Address")) << "an ack to an inform gives no address";
  const Told& release = flow.say(kInitiator, Message4{.type = dhcp4_type::kRelease, .ciaddr = {10, 0, 0, 9}}.bytes());
  EXPECT_TRUE(release.contains("dhcpClientIPv4Address"));
}

TEST(Dhcp, TheClientIsTheSourceOfBothMessages) {
  Dhcp4 flow;
  const Octets8 offer = Message4{.operation = 2, .type = dhcp4_type::kOffer}.bytes();
  EXPECT_EQ(flow.say(kInitiator, offer).at("from"), "responder") << "the server may speak first";
  EXPECT_EQ(flow.say(kResponder, Message4{}.bytes()).at("from"), "responder");
}

TEST(Dhcp, ADiscoverIsAnsweredByAnOfferAndARequestByAnAck) {
  Dhcp4 flow;
  const auto server = [](uint8_t type) { return Message4{.operation = 2, .type = type}.bytes(); };
  flow.say(kInitiator, Message4{}.bytes(), 0);
  flow.say(kInitiator, Message4{.type = dhcp4_type::kRequest}.bytes(), 100);
  EXPECT_EQ(flow.say(kResponder, server(dhcp4_type::kAck), 130).at(kLatency), "30");
  EXPECT_EQ(flow.say(kResponder, server(dhcp4_type::kOffer), 140).at(kLatency), "140");
  EXPECT_FALSE(flow.say(kResponder, server(dhcp4_type::kNak), 150).contains(kLatency));
  flow.say(kInitiator, Message4{.transaction = 8}.bytes(), 200);
  EXPECT_FALSE(flow.say(kResponder, server(dhcp4_type::kOffer), 250).contains(kLatency)) << "of another client";
}

/// The answer to who asked all comes in another flow.
struct Broadcast {
  struct Ends {
    std::array<uint8_t, 4> source, destination;
    uint16_t source_port, destination_port;
  };
  const Told& say(const Ends& ends, const Octets8& bytes, int64_t at_us) {
    flows.push_back(std::make_unique<TestFlow>(protocol::dhcp, kUdp, ends.destination_port, shared));
    Common& flow = flows.back()->dialogue.flow();
    flow.source = IpAddress::v4(ends.source.data());
    flow.destination = IpAddress::v4(ends.destination.data());
    flow.source_port = ends.source_port;
    flows.back()->send(kInitiator, bytes, at_us);
    return flows.back()->dialogue.records.back();
  }

  std::shared_ptr<Shared> shared = std::make_shared<Shared>();
  std::vector<std::unique_ptr<TestFlow>> flows;
};
constexpr Broadcast::Ends kAll{{0, 0, 0, 0}, {255, 255, 255, 255}, 68, 67};
constexpr Broadcast::Ends kToClient{{10, 0, 0, 1}, {10, 0, 0, 9}, 67, 68};
constexpr Broadcast::Ends kFromOther{{10, 0, 0, 2}, {255, 255, 255, 255}, 67, 68};

TEST(Dhcp, WhoAskedAllIsAnsweredInAnotherFlow) {
  Broadcast lan;
  lan.say(kAll, Message4{}.bytes(), 0);
  const Octets8 offer = Message4{.operation = 2, .type = dhcp4_type::kOffer}.bytes();
  const Told& told = lan.say(kToClient, offer, 700);
  EXPECT_EQ(told.at(kLatency), "700");
  EXPECT_EQ(told.at("from"), "responder");
  EXPECT_EQ(lan.say(kFromOther, offer, 900).at(kLatency), "900") << "of another server";
  EXPECT_FALSE(lan.say(kToClient, offer, 950).contains(kLatency)) << "said before";
  const auto& call = lan.flows[1]->dialogue.calls.at(0);
  ASSERT_TRUE(call);
  EXPECT_FALSE(call->by_server) << "source is the client";
  EXPECT_EQ(call->latency_us, 700U);
  EXPECT_FALSE(lan.flows[0]->dialogue.calls.at(0)) << "requests to all are nobody's";
}

TEST(Dhcp, ARefusalCountsInItsServiceWhenTheRequestWasSeen) {
  Broadcast lan;
  const Octets8 nak = Message4{.operation = 2, .type = dhcp4_type::kNak}.bytes();
  lan.say(kToClient, nak, 0);
  EXPECT_EQ(lan.flows[0]->dialogue.health(), ServiceHealth{});
  EXPECT_EQ(lan.flows[0]->dialogue.counters.at("dhcp.naks"), 1U) << "the client was refused all the same";
  lan.say(kAll, Message4{.type = dhcp4_type::kRequest}.bytes(), 100);
  lan.say(kToClient, nak, 300);
  lan.say(kToClient, nak, 400);
  EXPECT_EQ(lan.flows[2]->dialogue.health(), (ServiceHealth{.requests = 1, .errors = 1, .delays = 1}));
  EXPECT_EQ(lan.flows[3]->dialogue.health(), ServiceHealth{}) << "said before";
}

TEST(Dhcp, WhatARelaySendsIsAnExchangeOfItsOwn) {
  constexpr Broadcast::Ends kToServer{{10, 0, 0, 1}, {10, 9, 9, 9}, 67, 67},
      kToRelay{{10, 9, 9, 9}, {10, 0, 0, 1}, 67, 67};
  const Octets8 relay{10, 0, 0, 1};
  const Octets8 passed_on = Message4{.giaddr = relay}.bytes();
  const Octets8 offer = Message4{.operation = 2, .type = dhcp4_type::kOffer, .giaddr = relay}.bytes();
  Broadcast net;
  net.say(kAll, Message4{}.bytes(), 0);
  net.say(kToServer, passed_on, 100);
  EXPECT_EQ(net.say(kToRelay, offer, 350).at(kLatency), "250");
  EXPECT_EQ(net.say(kToClient, offer, 400).at(kLatency), "400") << "by the relay, to the client";
  Broadcast behind;
  behind.say(kAll, Message4{}.bytes(), 0);
  EXPECT_FALSE(behind.say(kToRelay, offer, 350).contains(kLatency)) << "what the relay sent was not seen";
}

TEST(Dhcp, OverIpv6AllServersAreAskedToo) {
  Dhcp6 all, one;
  const Octets8 duid = option6(dhcp6_option::kClientId, {0, 3, 0, 1, 2, 0, 0, 0, 0, 9});
  const auto told = std::make_shared<Shared>();
  all.told = TestDialogue(kUdp, 547, told);
  one.told = TestDialogue(kUdp, 546, told);
  one.flow.turn();
  all.say(kInitiator, message6(dhcp6_type::kSolicit, {duid}));
  EXPECT_FALSE(one.say(kInitiator, message6(dhcp6_type::kAdvertise, {option6(dhcp6_option::kClientId, {0, 9})}), 60)
                   .contains(kLatency));
  EXPECT_EQ(one.say(kInitiator, message6(dhcp6_type::kAdvertise, {duid}), 70).at(kLatency), "70");
  all.say(kInitiator, message6(dhcp6_type::kInformationRequest, {}), 100);
  EXPECT_EQ(one.say(kInitiator, message6(dhcp6_type::kReply, {}), 130).at(kLatency), "30")
      << "of no name: by the client's address";
}

TEST(Dhcp, NamesAsDomainNames) {
  Dhcp4 flow;
  const Octets8 encoded = joined({{4, 0, 0}, octets("\6laptop\7example\4test\0"s)});
  EXPECT_EQ(
      flow.say(kInitiator, Message4{.options = option4(dhcp4_option::kClientFqdn, encoded)}.bytes()).at("dhcpHostName"),
      "laptop.example.test");
  const Octets8 plain = joined({{0, 0, 0}, octets("laptop.example.test")});
  EXPECT_EQ(flow.say(kInitiator, Message4{.options = joined({option4(dhcp4_option::kClientFqdn, plain),
                                                             option4(dhcp4_option::kHostName, octets("laptop"))})}
                                     .bytes())
                .at("dhcpHostName"),
            "laptop")
      << "the plain name counts where both are there";
  Dhcp6 six;
  const Octets8 partial = joined({{1}, octets("\6laptop")});
  EXPECT_EQ(six.say(kInitiator, message6(1, {option6(dhcp6_option::kClientFqdn, partial)})).at("dhcpHostName"),
            "laptop");
}

TEST(Dhcp, EveryElementOfAReplyForIpv6) {
  Dhcp6 flow;
  flow.say(kInitiator, message6(3, {option6(dhcp6_option::kClientId, {0, 3, 0, 1, 2, 0, 0, 0, 0, 9})}));
  EXPECT_EQ(flow.say(kResponder,
                     message6(dhcp6_type::kReply,
                              {option6(dhcp6_option::kClientId, {0, 3, 0, 1, 2, 0, 0, 0, 0, 9}),
                               association(dhcp6_option::kIaNa, joined({ia_address(5, 60), ia_address(6, 0)})),
                               association(dhcp6_option::kIaTa, ia_address(7, 50)),
                               association(dhcp6_option::kIaPd, ia_prefix(56, 70))}),
                     800),
            (Told{{"record", "dhcp"},
                  {"from", "initiator"},
                  {"observationTimeMilliseconds", "1700000000000"},
                  {"transactionIndex", "2"},
                  {"dhcpMessageType", "7"},
                  {"dhcpTransactionId", "9"},
                  {"dhcpClientId", "00030001020000000009"},
                  {"dhcpAssignedIPv6Prefixes", "2001:db8::5/128|2001:db8::7/128|2001:db8::/56"},
                  {"dhcpLeaseSeconds", "60"},
                  {kLatency, "800"}}))
      << "what has no lifetime left is taken back";
}

TEST(Dhcp, WhatIsRefusedIsNotAssigned) {
  Dhcp6 flow;
  const Octets8 refused = option6(dhcp6_option::kStatus, {0, 2});
  EXPECT_FALSE(flow.say(kResponder, message6(dhcp6_type::kReply,
                                             {association(dhcp6_option::kIaNa, joined({ia_address(5, 60), refused}))}))
                   .contains("dhcpAssignedIPv6Prefixes"));
  EXPECT_FALSE(
      flow.say(kResponder, message6(dhcp6_type::kReply, {association(dhcp6_option::kIaNa, ia_address(5, 60, refused))}))
          .contains("dhcpAssignedIPv6Prefixes"));
  const Told& release = flow.say(kInitiator, message6(8, {association(dhcp6_option::kIaNa, ia_address(5, 0))}));
  EXPECT_EQ(release.at("dhcpClientIPv6Prefixes"), "2001:db8::5/128");
  EXPECT_FALSE(release.contains("dhcpAssignedIPv6Prefixes"));
}

TEST(Dhcp, RelaysAreOpened) {
  Dhcp6 flow;
  const Octets8 inner = message6(dhcp6_type::kSolicit, {option6(dhcp6_option::kClientId, {0, 4})});
  const Octets8 near =
      relayed6(dhcp6_type::kRelayForward, {option6(dhcp6_option::kInterfaceId, octets("port 7")),
                                           option6(dhcp6_option::kClientLinkLayer, {0, 1, 2, 0, 0, 0, 0, 9}),
                                           option6(dhcp6_option::kRelayMessage, inner)});
  const Octets8 far =
      relayed6(dhcp6_type::kRelayForward, {option6(dhcp6_option::kRelayMessage, near),
                                           option6(dhcp6_option::kRemoteId, octets("\0\0\0\x09street"s)),
                                           option6(dhcp6_option::kSubscriberId, octets("flat 3"))});
  const Told& told = flow.say(kInitiator, far);
  EXPECT_EQ(told.at("dhcpMessageType"), "1");
  EXPECT_EQ(told.at("dhcpRelayCircuitId"), "port 7");
  EXPECT_EQ(told.at("dhcpRelayRemoteId"), "street");
  EXPECT_EQ(told.at("dhcpRelaySubscriberId"), "flat 3");
  EXPECT_TRUE(told.contains("dhcpClientMac"));
  EXPECT_EQ(told.at("from"), "initiator");
  const Octets8 reply = relayed6(
      dhcp6_type::kRelayReply, {option6(dhcp6_option::kRelayMessage,
                                        message6(dhcp6_type::kAdvertise, {option6(dhcp6_option::kClientId, {0, 4})}))});
  EXPECT_EQ(flow.say(kResponder, reply, 60).at(kLatency), "60");
  EXPECT_EQ(flow.told.records.back().at("from"), "initiator");
  Octets8 deep = inner;
  for (int depth = 0; depth < 9; ++depth)
    deep = relayed6(dhcp6_type::kRelayForward, {option6(dhcp6_option::kRelayMessage, deep)});
  flow.say(kInitiator, deep);
  EXPECT_EQ(flow.told.records.size(), 2U) << "more relays than there may be";
}

TEST(Dhcp, WhatIsMalformedIsSaid) {
  Dhcp4 flow;
  const auto partial = [&](const Octets8& options) {
    const Told& told = flow.say(kInitiator, Message4{.options = options}.bytes());
    return told.contains("partial") ? told.at("partial") : "";
  };
  EXPECT_EQ(partial({}), "");
  EXPECT_EQ(partial(option4(dhcp4_option::kLeaseTime, {1, 2, 3})), "option malformed");
  EXPECT_EQ(partial(option4(dhcp4_option::kClientFqdn, {4})), "option malformed");
  EXPECT_EQ(partial(option4(dhcp4_option::kRelayAgent, {1, 9, 1})), "option malformed");
  EXPECT_EQ(partial({12, 200, 'a'}), "option malformed");
  EXPECT_FALSE(flow.say(kInitiator, Message4{.hardware_octets = 7}.bytes()).contains("dhcpClientMac"));
  Dhcp6 six;
  EXPECT_EQ(six.say(kInitiator, message6(1, {association(dhcp6_option::kIaNa, {0, 5, 0})})).at("partial"),
            "option malformed");
  EXPECT_EQ(six.say(kInitiator, message6(1, {option6(dhcp6_option::kIaPd, {0})})).at("partial"), "option malformed");
  EXPECT_EQ(six.say(kInitiator, message6(1, {association(dhcp6_option::kIaPd, ia_prefix(129, 9))})).at("partial"),
            "option malformed");
  Octets8 many;
  for (uint8_t last = 1; last < 18; ++last) many = joined({many, ia_address(last, 9)});
  EXPECT_EQ(six.say(kResponder, message6(dhcp6_type::kReply, {association(dhcp6_option::kIaNa, many)})).at("partial"),
            "prefixes cut");
}

TEST(Dhcp, TheCaptureMayCutAMessage) {
  Dhcp4 flow;
  const Octets8 whole = Message4{.options = option4(dhcp4_option::kHostName, octets("laptop"))}.bytes();
  flow.send({.bytes = Bytes(whole).first(whole.size() - 4), .octets = static_cast<uint32_t>(whole.size())});
  EXPECT_EQ(flow.dialogue.records.back().at("partial"), "message cut");
  EXPECT_EQ(flow.dialogue.records.back().at("dhcpMessageType"), "1");
  EXPECT_FALSE(flow.dialogue.records.back().contains("dhcpHostName"));
  Dhcp6 six;
  const Octets8 reply = message6(dhcp6_type::kReply, {association(dhcp6_option::kIaNa, ia_address(5, 60))});
  EXPECT_EQ(six.say(kResponder, reply, 0, reply.size() - 1).at("partial"), "message cut");
}

TEST(Dhcp, SomethingElseIsGivenUp) {
  Dhcp4 flow;
  for (int at = 0; at < 7; ++at) EXPECT_EQ(flow.send(kInitiator, Octets8(300)), Status::More);
  EXPECT_EQ(flow.send(kInitiator, Octets8(3)), Status::Malformed);
  EXPECT_TRUE(flow.dialogue.records.empty());
}

TEST(Dhcp, RecognisedByItsCookieOrAtItsPorts) {
  const Octets8 good = Message4{}.bytes();
  EXPECT_EQ(recognised(good, 67), Verdict::Mine);
  EXPECT_EQ(recognised(good, 4011), Verdict::Mine);
  EXPECT_EQ(recognised(Message4{.type = 19}.bytes(), 4011), Verdict::NotMine);
  Octets8 other = good;
  other[236] = 0;
  EXPECT_EQ(recognised(other, 4011), Verdict::NotMine);
  EXPECT_EQ(recognised(other, 67), Verdict::Unsure) << "the next one may tell";
  EXPECT_EQ(recognised(Octets8(good.begin(), good.begin() + 240), 67), Verdict::Mine) << "BOOTP has no message type";
  EXPECT_EQ(recognised(message6(1, {}), 547, true), Verdict::Mine);
  EXPECT_EQ(recognised(message6(1, {}), 5470, true), Verdict::NotMine);
  EXPECT_EQ(recognised(message6(14, {}), 547, true), Verdict::Unsure);
}

}  // namespace
}  // namespace microcloud
