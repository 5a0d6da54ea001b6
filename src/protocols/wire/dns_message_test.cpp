// DNS messages: names, sections, EDNS, and what hostile ones may not do.
#include "protocols/wire/dns_message.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "protocols/wire/dns_bytes_test.h"

namespace microcloud {
namespace {

constexpr uint16_t kResponse = 0x8180;

std::string text_of(const DnsName& name) {
  std::string text;
  append_name_text(text, name.bytes());
  return text;
}

std::vector<std::string> answers_of(const DnsMessage& message) {
  std::vector<std::string> texts;
  for_each_answer(message, [&](const std::string& text) { texts.push_back(text); });
  return texts;
}

TEST(DnsMessage, ReadsHeaderAndQuestion) {
  const DnsBytes bytes = DnsBytes(0x1234, 0x0100, 1).question("WWW.Example.test", 28);
  DnsMessage message;
  ASSERT_TRUE(read_dns_message(bytes, message));
  EXPECT_EQ(message.id, 0x1234);
  EXPECT_FALSE(message.is_response());
  EXPECT_FALSE(message.truncated());
  EXPECT_EQ(message.opcode(), dns_opcode::kQuery);
  ASSERT_TRUE(message.has_question);
  EXPECT_EQ(text_of(message.name), "www.example.test");
  EXPECT_EQ(message.type, 28);
  EXPECT_EQ(message.klass, 1);
  EXPECT_FALSE(message.edns);
  EXPECT_FALSE(message.cut);
  EXPECT_EQ(message.left_over, 0U);
}

TEST(DnsMessage, AMessageWithoutQuestionIsOne) {
  DnsMessage message;
  ASSERT_TRUE(read_dns_message(DnsBytes(7, kResponse, 0), message));
  EXPECT_FALSE(message.has_question);
}

TEST(DnsMessage, ReadsEdns) {
  DnsMessage message;
  ASSERT_TRUE(
      read_dns_message(DnsBytes(1, kResponse | 3, 1, 0, 0, 1).question("a.test", 1).opt(1232, true, 1), message));
  ASSERT_TRUE(message.edns);
  EXPECT_EQ(message.edns->udp_size, 1232);
  EXPECT_TRUE(message.edns->dnssec_ok);
  EXPECT_EQ(message.response_code(), 0x13);
}

TEST(DnsMessage, AnOptRecordCountsInTheAdditionalSectionOnly) {
  DnsMessage message;
  ASSERT_TRUE(read_dns_message(DnsBytes(1, kResponse, 1, 1).question("a.test", 1).opt(1232, true), message));
  EXPECT_FALSE(message.edns);
}

TEST(DnsMessage, GivesTheTextsOfItsAnswers) {
  DnsBytes bytes = DnsBytes(1, kResponse, 1, 8).question("a.test", 255);
  bytes.a(0xc0000250);
  bytes.record(28, 16).u32(0x20010db8).u32(0).u32(0).u32(0x80);
  bytes.record(5, 6).label("Web").pointer(12 + 2);
  bytes.record(15, 9).u16(10).label("mail").pointer(12 + 2);
  bytes.record(16, 12).label("first one").label("2");
  bytes.record(2, 2).pointer(12);
  bytes.record(12, 2).pointer(12 + 2);
  bytes.record(6, 3).text("soa");
  DnsMessage message;
  ASSERT_TRUE(read_dns_message(bytes, message));
  EXPECT_FALSE(message.cut);
  const std::vector<std::string> expected{"192.0.2.80", "2001:db8::80", "web.test", "mail.test", "first one",
                                          "2",          "a.test",       "test"};
  EXPECT_EQ(answers_of(message), expected);
}

TEST(DnsMessage, AnAddressIsOneInTheInternetAlone) {
  DnsBytes bytes = DnsBytes(1, kResponse, 1, 2).question("a.test", 1);
  bytes.record(1, 4, 3).u32(1);
  bytes.record(1, 3).u16(0).u8(0);
  DnsMessage message;
  ASSERT_TRUE(read_dns_message(bytes, message));
  EXPECT_TRUE(answers_of(message).empty()) << "class CH, and an address of three octets";
}

TEST(DnsMessage, WhatIsCutKeepsWhatWasWhole) {
  DnsBytes bytes = DnsBytes(1, kResponse, 1, 2).question("a.test", 1).a(0xc0000250).a(0xc0000251);
  DnsMessage message;
  const Bytes all = bytes;
  ASSERT_TRUE(read_dns_message(all.first(all.size() - 1), message));
  EXPECT_TRUE(message.cut);
  EXPECT_EQ(answers_of(message), std::vector<std::string>{"192.0.2.80"});
  ASSERT_TRUE(read_dns_message(bytes.u8(0), message));
  EXPECT_FALSE(message.cut);
  EXPECT_EQ(message.left_over, 1U);
}

TEST(DnsMessage, NothingShorterThanItsQuestionIsOne) {
  const DnsBytes bytes = DnsBytes(1, 0x0100, 1).question("a.test", 1);
  const Bytes all = bytes;
  DnsMessage message;
  for (size_t length = 0; length < all.size(); ++length) {
    EXPECT_FALSE(read_dns_message(all.first(length), message)) << length;
  }
}

TEST(DnsMessage, EachFurtherQuestionMustBeThere) {
  DnsBytes bytes = DnsBytes(1, 0x0100, 2).question("a.test", 1);
  DnsMessage message;
  EXPECT_FALSE(read_dns_message(bytes, message));
  EXPECT_TRUE(read_dns_message(bytes.question("b.test", 1), message));
  EXPECT_EQ(text_of(message.name), "a.test");
}

TEST(DnsName, TextShowsEveryOctet) {
  DnsName name;
  const DnsBytes bytes = DnsBytes(0, 0, 1).label("a.b\\").label(std::string_view("\0 \x7f\xff", 4)).u8(0);
  Cursor in(static_cast<Bytes>(bytes).subspan(12));
  ASSERT_TRUE(read_dns_name(bytes, in, name));
  EXPECT_EQ(text_of(name), "a\\.b\\\\.\\000\\032\\127\\255");
  EXPECT_TRUE(in.ok());
  EXPECT_EQ(in.left(), 0U);
}

TEST(DnsName, TheRootIsEmpty) {
  const DnsBytes bytes = DnsBytes(0, 0, 1).u8(0);
  Cursor in(static_cast<Bytes>(bytes).subspan(12));
  DnsName name;
  ASSERT_TRUE(read_dns_name(bytes, in, name));
  EXPECT_EQ(text_of(name), "");
}

/// Reads the name at offset `at`.
bool reads(const DnsBytes& bytes, size_t at) {
  Cursor in(static_cast<Bytes>(bytes).subspan(at));
  DnsName name;
  return read_dns_name(bytes, in, name);
}

TEST(DnsName, APointerLeadsBackOnly) {
  EXPECT_FALSE(reads(DnsBytes(0, 0, 1).pointer(12), 12)) << "to itself";
  EXPECT_FALSE(reads(DnsBytes(0, 0, 1).pointer(14).u8(0), 12)) << "ahead";
  EXPECT_FALSE(reads(DnsBytes(0, 0, 1).label("a").pointer(12), 12)) << "to the beginning of its own name";
  EXPECT_FALSE(reads(DnsBytes(0, 0, 1).pointer(14).pointer(12), 14)) << "round about";
  EXPECT_TRUE(reads(DnsBytes(0, 0, 1).name("a").label("b").pointer(12), 15));
  EXPECT_FALSE(reads(DnsBytes(0, 0, 1).u8(0xc0), 12)) << "cut";
  EXPECT_FALSE(reads(DnsBytes(0, 0, 1).u8(0x40).u8(0), 12)) << "a label of unknown kind";
}

TEST(DnsName, IsAtMost255Octets) {
  const std::string label(63, 'x');
  DnsBytes three = DnsBytes(0, 0, 1).label(label).label(label).label(label);
  DnsBytes longest = three;
  longest.label(std::string(61, 'y')).u8(0);
  EXPECT_TRUE(reads(longest, 12));
  DnsBytes longer = three;
  longer.label(std::string(62, 'y')).u8(0);
  EXPECT_FALSE(reads(longer, 12));
}

/// `count` pointers, each to the one before it, the first to the root; then the name is read from the last.
bool reads_chain(int count) {
  DnsBytes bytes(0, 0, 1);
  bytes.u8(0);
  uint16_t at = 12;
  for (int jump = 0; jump < count; ++jump) {
    bytes.pointer(at);
    at = static_cast<uint16_t>(jump == 0 ? 13 : at + 2);
  }
  return reads(bytes, at);
}

TEST(DnsName, AChainOfPointersIsBounded) {
  EXPECT_TRUE(reads_chain(127));
  EXPECT_FALSE(reads_chain(128));
}

TEST(DnsName, CaseDoesNotCount) {
  DnsMessage upper, lower;
  ASSERT_TRUE(read_dns_message(DnsBytes(1, 0, 1).question("ExAmPlE.TeSt", 1), upper));
  ASSERT_TRUE(read_dns_message(DnsBytes(1, 0, 1).question("example.test", 1), lower));
  EXPECT_TRUE(upper.name == lower.name);
}

}  // namespace
}  // namespace microcloud
