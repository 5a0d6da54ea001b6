// Handshakes: what is read of them, when their record is told, and what it says when parts are missing.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "protocols/dialogue_test.h"
#include "protocols/protocols.h"
#include "protocols/wire/tls_bytes_test.h"
#include "protocols/wire/tls_records.h"

namespace microcloud {
namespace {

constexpr uint8_t kTcp = 6;
constexpr bool kClient = TestFlow::kInitiator, kServer = TestFlow::kResponder;

using Told = TestDialogue::Told;

struct Tls : TestFlow {
  Tls() : TestFlow(protocol::tls, kTcp, 443) {}
  const Told& only() {
    EXPECT_EQ(dialogue.records.size(), 1U);
    return dialogue.records.at(0);
  }
};

Octets8 handshake(uint8_t type, Bytes body) {
  return tls_record(tls_content::kHandshake, tls_message(type, body));
}
Octets8 client_hello() {
  HelloBytes bytes({0x1301, 0xc02f});
  return handshake(1, bytes.server_name("www.example.test").alpn({"h2", "http/1.1"}).groups({29}).client());
}
Octets8 server_hello(uint16_t version) {
  HelloBytes chosen({static_cast<uint16_t>(version == 0x0304 ? 0x1301 : 0xc02f)});
  if (version == 0x0304) chosen.extension(43, words({version}));
  return handshake(2, chosen.server());
}
Octets8 der(uint8_t tag, Bytes content) {
  Octets8 out{tag};
  append(out, with_length(content, 1));
  return out;
}
Octets8 common_name(std::string_view text) {
  return der(0x30, der(0x31, der(0x30, joined({der(6, Octets8{0x55, 4, 3}), der(0x0c, octets(text))}))));
}
Octets8 certificate(std::string_view subject) {
  const Octets8 empty = der(0x30, {});
  const Octets8 one =
      der(0x30, der(0x30, joined({der(2, Octets8{1}), empty, common_name("An issuer"), empty, common_name(subject)})));
  return handshake(11, with_length(with_length(one, 3), 3));
}
Octets8 other(uint8_t content) {
  return tls_record(content, Octets8{1, 0});
}

TEST(TlsParser, OfTls13AllIsToldWithTheServerHello) {
  Tls flow;
  EXPECT_EQ(flow.send(kClient, client_hello()), Status::More);
  EXPECT_TRUE(flow.dialogue.records.empty());
  EXPECT_EQ(flow.send(kServer, server_hello(0x0304), 900), Status::Done);
  const Told& told = flow.only();
  EXPECT_EQ(told.at("record"), "tls");
  EXPECT_EQ(told.at("from"), "initiator");
  EXPECT_EQ(told.at("observationTimeMilliseconds"), "1700000000000");
  EXPECT_EQ(told.at("transactionIndex"), "1");
  EXPECT_EQ(told.at("tlsServerName"), "www.example.test");
  EXPECT_EQ(told.at("tlsAlpn"), "h2|http/1.1");
  EXPECT_EQ(told.at("tlsVersion"), "772");
  EXPECT_EQ(told.at("tlsCipher"), "4865");
  EXPECT_EQ(told.at("tlsJa3").size(), 32U);
  EXPECT_EQ(told.at("tlsJa3s").size(), 32U);
  EXPECT_EQ(told.at("tlsJa4").substr(0, 10), "t12d0203h2");
  EXPECT_FALSE(told.contains("partial"));
  EXPECT_FALSE(told.contains("tlsCertificateSubject"));
  EXPECT_EQ(flow.send(kServer, client_hello()), Status::Done);
  EXPECT_EQ(flow.end().size(), 1U);
}

TEST(TlsParser, OfTls12TheCertificateIsWaitedFor) {
  Tls flow;
  flow.send(kClient, client_hello());
  EXPECT_EQ(flow.send(kServer, server_hello(0x0303)), Status::More);
  EXPECT_EQ(flow.send(kServer, certificate("www.example.test")), Status::Done);
  EXPECT_EQ(flow.only().at("tlsVersion"), "771");
  EXPECT_EQ(flow.only().at("tlsCertificateSubject"), "CN=www.example.test");
  EXPECT_EQ(flow.only().at("tlsCertificateIssuer"), "CN=An issuer");
}

TEST(TlsParser, DoesNotMindWhereTheStreamIsDivided) {
  const Octets8 client = client_hello();
  const Octets8 server = joined({server_hello(0x0303), certificate("www.example.test")});
  Tls whole;
  whole.send(kClient, client);
  whole.send(kServer, server);
  const Told expected = whole.only();
  for (size_t at = 0; at <= server.size(); ++at) {
    Tls flow;
    flow.send(kClient, Bytes(client).first(std::min(at, client.size())));
    flow.send(kClient, Bytes(client).subspan(std::min(at, client.size())));
    flow.send(kServer, Bytes(server).first(at));
    flow.send(kServer, Bytes(server).subspan(at));
    ASSERT_EQ(flow.only(), expected) << at;
  }
}

TEST(TlsParser, AResumedSessionHasNoCertificate) {
  Tls flow;
  flow.send(kClient, client_hello());
  flow.send(kServer, server_hello(0x0303));
  EXPECT_EQ(flow.send(kServer, other(tls_content::kChangeCipherSpec)), Status::Done);
  EXPECT_FALSE(flow.only().contains("tlsCertificateSubject"));
  EXPECT_FALSE(flow.only().contains("partial"));
  Tls ticket;
  ticket.send(kClient, client_hello());
  ticket.send(kServer, server_hello(0x0303));
  EXPECT_EQ(ticket.send(kServer, handshake(4, Octets8(20, 0))), Status::Done) << "a new session ticket";
}

TEST(TlsParser, AHelloRetryRequestIsTheFirstServerHello) {
  Tls flow;
  flow.send(kClient, client_hello());
  flow.send(kServer, server_hello(0x0304));
  flow.send(kClient, joined({other(tls_content::kChangeCipherSpec), client_hello()}));
  flow.send(kServer, server_hello(0x0304));
  EXPECT_EQ(flow.end().size(), 1U);
}

TEST(TlsParser, AWarningMayComeBeforeTheHello) {
  Tls flow;
  flow.send(kClient, client_hello());
  EXPECT_EQ(flow.send(kServer, other(tls_content::kAlert)), Status::More);
  EXPECT_EQ(flow.send(kServer, server_hello(0x0304)), Status::Done);
  EXPECT_FALSE(flow.only().contains("partial"));
}

TEST(TlsParser, AHandshakeThatWasRefusedIsToldAtTheEnd) {
  Tls flow;
  flow.send(kClient, client_hello());
  flow.send(kServer, other(tls_content::kAlert));
  const auto& records = flow.end();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].at("tlsServerName"), "www.example.test");
  EXPECT_FALSE(records[0].contains("tlsVersion"));
  EXPECT_EQ(records[0].at("partial"), "no server hello");
}

TEST(TlsParser, OneDirectionSaysWhatItHas) {
  Tls server;
  server.send(kServer, joined({server_hello(0x0303), certificate("a.test")}));
  EXPECT_TRUE(server.dialogue.records.empty()) << "the client's hello may be captured a little later";
  server.end();
  EXPECT_EQ(server.only().at("tlsCipher"), "49199");
  EXPECT_EQ(server.only().at("tlsCertificateSubject"), "CN=a.test");
  EXPECT_EQ(server.only().at("partial"), "no client hello");
  EXPECT_EQ(server.only().at("from"), "initiator");
  Tls late;
  late.send(kServer, server_hello(0x0304));
  EXPECT_EQ(late.send(kClient, client_hello()), Status::Done);
  EXPECT_FALSE(late.only().contains("partial"));
}

TEST(TlsParser, TheClientIsWhoSaysHello) {
  Tls flow;
  flow.send(kServer, client_hello());
  flow.send(kClient, server_hello(0x0304));
  EXPECT_EQ(flow.only().at("from"), "responder");
}

TEST(TlsParser, TheClientsOwnCertificateIsNotTheServers) {
  Tls flow;
  flow.send(kClient, joined({client_hello(), certificate("client.test")}));
  flow.send(kServer, joined({server_hello(0x0303), certificate("server.test")}));
  EXPECT_EQ(flow.only().at("tlsCertificateSubject"), "CN=server.test");
}

TEST(TlsParser, ACutHelloHasNoFingerprint) {
  Tls flow;
  const Octets8 hello = client_hello();
  flow.send(kClient, Bytes(hello).first(hello.size() - 4));
  const auto& records = flow.end();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].at("tlsServerName"), "www.example.test");
  EXPECT_FALSE(records[0].contains("tlsJa3"));
  EXPECT_FALSE(records[0].contains("tlsJa4"));
  EXPECT_EQ(records[0].at("partial"), "client hello cut|no server hello");
}

TEST(TlsParser, AGapEndsWhatCanBeRead) {
  Tls flow;
  flow.send(kClient, client_hello());
  flow.send(kServer, server_hello(0x0303));
  const Octets8 rest = certificate("a.test");
  EXPECT_EQ(flow.send({.bytes = rest,
                       .octets = static_cast<uint32_t>(rest.size()),
                       .gap = 1460,
                       .from_initiator = kServer,
                       .time_us = TestFlow::kBegin}),
            Status::Done);
  EXPECT_EQ(flow.only().at("partial"), "octets missing");
  EXPECT_EQ(flow.only().at("tlsVersion"), "771");
}

TEST(TlsParser, SaysNothingOfWhatIsNoHandshake) {
  Tls flow;
  flow.send(kClient, other(tls_content::kApplicationData));
  EXPECT_EQ(flow.send(kServer, octets("no TLS at all")), Status::Malformed);
  EXPECT_TRUE(flow.end().empty());
}

TEST(TlsParser, TextsLongerThanTheirRoomAreCut) {
  Tls flow;
  HelloBytes bytes({0x1301});
  bytes.server_name(std::string(300, 'x'));
  flow.send(kClient, handshake(1, bytes.client()));
  flow.end();
  EXPECT_EQ(flow.only().at("tlsServerName").size(), 255U);
  EXPECT_EQ(flow.only().at("partial"), "server name cut|no server hello");
}

TEST(TlsTakeover, IsByAWholeHello) {
  const Octets8 hello = client_hello();
  const auto takes_over = [](Bytes bytes) { return protocol::tls.takes_over(bytes); };
  EXPECT_TRUE(takes_over(hello));
  EXPECT_FALSE(takes_over(server_hello(0x0303)));
  EXPECT_FALSE(takes_over({}));
  Octets8 more = hello;
  append(more, other(tls_content::kApplicationData));
  EXPECT_TRUE(takes_over(more));

  constexpr size_t kBehindCiphers = 5 + 4 + 2 + 32 + 1 + 32 + 2 + 4;
  for (size_t size = 0; size < hello.size(); ++size) {
    EXPECT_EQ(takes_over(Bytes(hello).first(size)), size >= kBehindCiphers) << size;
  }
  Octets8 longer = hello;  // one octet that no length speaks of
  longer[4] = static_cast<uint8_t>(longer[4] + 1);
  EXPECT_FALSE(takes_over(longer));
  longer[8] = static_cast<uint8_t>(longer[8] + 1);
  EXPECT_FALSE(takes_over(longer));

  const HelloBytes plain({0x0005, 0x000a}, 0x0301);
  EXPECT_TRUE(takes_over(handshake(1, plain.client()))) << "no extensions";
  EXPECT_FALSE(takes_over(handshake(1, HelloBytes({}).client()))) << "no ciphers";
  EXPECT_FALSE(takes_over(handshake(1, HelloBytes({0x0005}, 0x0403).client())));
}

TEST(TlsTakeover, EachLengthAndVersionCounts) {
  const Octets8 hello = client_hello();
  // Record type, version, length, message type, length, version, session's and ciphers' lengths.
  for (const size_t at : {0, 1, 3, 4, 5, 6, 7, 8, 9, 43, 76, 77}) {
    Octets8 flipped = hello;
    flipped[at] ^= 0x21;
    EXPECT_FALSE(protocol::tls.takes_over(flipped)) << at;
  }
}

TEST(TlsRecognition, IsByContent) {
  const TestDialogue dialogue(kTcp, 12345);
  const auto verdict = [&](Bytes bytes) {
    return protocol::tls.recognise({.bytes = bytes, .octets = static_cast<uint32_t>(bytes.size())}, dialogue.flow());
  };
  EXPECT_EQ(verdict(client_hello()), Verdict::Mine);
  EXPECT_EQ(verdict(server_hello(0x0303)), Verdict::Mine);
  EXPECT_EQ(verdict(certificate("a.test")), Verdict::Mine);
  EXPECT_EQ(verdict(Bytes(client_hello()).first(5)), Verdict::Unsure);
  EXPECT_EQ(verdict(octets("GET / HTTP/1.1\r\n")), Verdict::NotMine);
  EXPECT_EQ(verdict(other(tls_content::kApplicationData)), Verdict::NotMine) << "no handshake will come";
}

}  // namespace
}  // namespace microcloud
