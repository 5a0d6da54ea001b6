// What a SIP message says, however it is written, and how a stream of them is cut.
#include "protocols/wire/sip_message.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "protocols/wire/sip_stream.h"

namespace microcloud {
namespace {

struct Read {
  SipMessage message;
  std::string room;
  bool good;
  explicit Read(std::string_view head) : good(read_sip_head(head, room, message)) {}
};

Bytes bytes_of(std::string_view text) {
  return {static_cast<const uint8_t*>(static_cast<const void*>(text.data())), text.size()};
}

TEST(SipMessage, ARequest) {
  const Read read(
      "INVITE sip:bob@example.test SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n"
      "From: \"Ann <not this>\" <sip:ann@example.test;user=phone>;tag=a1\r\nTo: sip:bob@example.test;tag=b2;x=y\r\n"
      "Call-ID: 1@192.0.2.1\r\nCSeq: 7 INVITE\r\nUser-Agent: phone/1\r\nContent-Type: application/sdp\r\n"
      "Content-Length: 12\r\nReason: Q.850;cause=16\r\n\r\n");
  ASSERT_TRUE(read.good);
  const SipMessage& message = read.message;
  EXPECT_TRUE(message.is_request());
  EXPECT_EQ(message.method, "INVITE");
  EXPECT_EQ(message.from, "sip:ann@example.test;user=phone");
  EXPECT_EQ(message.from_tag, "a1");
  EXPECT_EQ(message.to, "sip:bob@example.test");
  EXPECT_EQ(message.to_tag, "b2");
  EXPECT_EQ(message.call_id, "1@192.0.2.1");
  EXPECT_EQ(message.cseq, 7U);
  EXPECT_EQ(message.user_agent, "phone/1");
  EXPECT_EQ(message.content_length, 12U);
  EXPECT_EQ(message.reason, "Q.850;cause=16");
  EXPECT_FALSE(message.malformed);
}

TEST(SipMessage, CompactAndFoldedFieldsOfAResponse) {
  const Read read(
      "SIP/2.0 180 Ringing\nf: <sip:ann@example.test>\n ;tag=a1\nt :\r\n\t<sip:bob@example.test>\ni:call\n"
      "cseq:\r\n 3\r\n  BYE\nl: 0\nc: application/sdp\nServer: box\n\n");
  ASSERT_TRUE(read.good);
  const SipMessage& message = read.message;
  EXPECT_EQ(message.status, 180);
  EXPECT_EQ(message.method, "BYE");
  EXPECT_EQ(message.cseq, 3U);
  EXPECT_EQ(message.from, "sip:ann@example.test");
  EXPECT_EQ(message.from_tag, "a1");
  EXPECT_EQ(message.to, "sip:bob@example.test");
  EXPECT_EQ(message.call_id, "call");
  EXPECT_EQ(message.content_length, 0U);
  EXPECT_EQ(message.content_type, "application/sdp");
  EXPECT_EQ(message.user_agent, "box");
}

TEST(SipMessage, WhatIsMalformedIsSaid) {
  EXPECT_TRUE(Read("OPTIONS sip:a SIP/2.0\r\nno colon\r\n\r\n").message.malformed);
  EXPECT_TRUE(Read("OPTIONS sip:a SIP/2.0\r\nContent-Length: many\r\n\r\n").message.malformed);
  EXPECT_TRUE(Read("OPTIONS sip:a SIP/2.0\r\nCSeq: 99999999999 OPTIONS\r\n\r\n").message.malformed);
  EXPECT_FALSE(Read("OPTIONS sip:a SIP/2.0\r\nCSeq: 99999999999 OPTIONS\r\n\r\n").message.cseq);
  EXPECT_FALSE(Read("GET / HTTP/1.1\r\n\r\n").good);
  EXPECT_FALSE(Read("").good);
}

TEST(SipMessage, StartLines) {
  EXPECT_TRUE(is_sip_start("REGISTER sips:example.test SIP/2.0"));
  EXPECT_TRUE(is_sip_start("NEWTHING tel:+1 SIP/2.0"));
  EXPECT_TRUE(is_sip_start("SIP/2.0 200 OK"));
  EXPECT_TRUE(is_sip_start("SIP/2.0 200"));
  EXPECT_FALSE(is_sip_start("SIP/2.0 2000"));
  EXPECT_FALSE(is_sip_start("SIP/2.0 700 x"));
  EXPECT_FALSE(is_sip_start("GET http://example.test/ HTTP/1.1"));
  EXPECT_FALSE(is_sip_start("GET / SIP/2.0"));
  EXPECT_FALSE(is_sip_start("hello"));
  EXPECT_TRUE(is_usual_sip_start("ACK sip:a SIP/2.0"));
  EXPECT_FALSE(is_usual_sip_start("VITE sip:a SIP/2.0"));
  const std::string whole = "INVITE sip:bob@example.test SIP/2.0", answer = "SIP/2.0 200 OK";
  for (size_t size = 0; size <= whole.size(); ++size) EXPECT_TRUE(may_be_sip_start(whole.substr(0, size))) << size;
  for (size_t size = 0; size <= answer.size(); ++size) EXPECT_TRUE(may_be_sip_start(answer.substr(0, size))) << size;
  EXPECT_FALSE(may_be_sip_start("GET /"));
  EXPECT_FALSE(may_be_sip_start("{\"json\""));
}

// ---- a stream of them

struct Messages {
  SipStream stream;
  std::vector<std::string> told;  // method and body; with ! where the body is not whole

  auto keep() {
    return [this](const SipMessage& message, bool whole) {
      told.push_back(std::string(message.method) + ":" + std::string(message.body) + (whole ? "" : "!"));
    };
  }
  void read(std::string_view text) { stream.read(bytes_of(text), keep()); }
  void lose(uint32_t octets) { stream.lose(octets, keep()); }
};

std::string request(const std::string& method, const std::string& body = "") {
  return method + " sip:a SIP/2.0\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

TEST(SipStream, HoweverItIsDivided) {
  const std::string text =
      "\r\n\r\n" + request("INVITE", "v=0\r\n\r\nx") + "\r\n" + request("ACK") + request("BYE", "b");
  const std::vector<std::string> expected = {"INVITE:v=0\r\n\r\nx", "ACK:", "BYE:b"};
  for (size_t at = 0; at <= text.size(); ++at) {
    Messages messages;
    messages.read(std::string_view(text).substr(0, at));
    messages.read(std::string_view(text).substr(at));
    EXPECT_EQ(messages.told, expected) << at;
    EXPECT_EQ(messages.stream.broken(), 0U);
  }
}

TEST(SipStream, BehindAHoleItGoesOnWithTheNextMessage) {
  Messages messages;
  messages.read("INVITE sip:a SIP/2.0\r\nContent-Le");
  messages.lose(10);
  messages.read("VITE sip:a SIP/2.0\r\nX: y\r\n\r\n" + request("ACK"));
  EXPECT_EQ(messages.told, (std::vector<std::string>{"ACK:"}));
  Messages within;
  within.read(request("INVITE", "0123456789").substr(0, 50));
  within.lose(4);
  within.read(request("INVITE", "0123456789").substr(54) + request("BYE"));
  EXPECT_EQ(within.told.size(), 2U);
  EXPECT_EQ(within.told[0].back(), '!') << "the body is not whole, and its end is known";
  EXPECT_EQ(within.told[1], "BYE:");
  Messages whole;
  whole.read(request("INVITE"));
  whole.lose(100);
  whole.read(request("BYE"));
  EXPECT_EQ(whole.told, (std::vector<std::string>{"INVITE:", "BYE:"})) << "just between two messages";
}

TEST(SipStream, ItIsBounded) {
  Messages messages;
  messages.read("INVITE sip:a SIP/2.0\r\n");
  for (int at = 0; at < 2000; ++at) messages.read("X-Header: something that is long enough\r\n");
  messages.read("\r\n" + request("BYE", std::string(SipStream::kMostOfBody + 1, 'x')) + request("ACK"));
  ASSERT_EQ(messages.told.size(), 2U);
  EXPECT_TRUE(messages.told[0].ends_with('!')) << "a body that is too large is left out";
  EXPECT_EQ(messages.told[1], "ACK:");
}

TEST(SipStream, AnEndWithinABody) {
  Messages messages;
  messages.read("BYE sip:a SIP/2.0\r\nl: 10\r\n\r\nabc");
  messages.stream.end(messages.keep());
  EXPECT_EQ(messages.told, (std::vector<std::string>{"BYE:abc!"}));
}

}  // namespace
}  // namespace microcloud
