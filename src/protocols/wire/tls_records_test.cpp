// Handshake messages out of records out of segments, however they are divided.
#include "protocols/wire/tls_records.h"

#include <gtest/gtest.h>

#include <string>

#include "protocols/wire/tls_bytes_test.h"

namespace microcloud {
namespace {

using Kind = TlsRecords::Item::Kind;

/// What came out, one letter each: m<type>:<octets>, cut messages with a minus, o<content>, and b where it broke.
std::string read_all(TlsRecords& records, Bytes bytes) {
  std::string said;
  for (;;) {
    const TlsRecords::Item item = records.next(bytes);
    if (item.kind == Kind::More) return said;
    if (item.kind == Kind::Broken) return said + "b";
    said += item.kind == Kind::Other
                ? "o" + std::to_string(item.type) + " "
                : "m" + std::to_string(item.type) + ":" + std::to_string(item.body.size()) + (item.whole ? " " : "- ");
  }
}

std::string read_all(Bytes bytes) {
  TlsRecords records;
  return read_all(records, bytes);
}

Octets8 conversation() {
  Octets8 messages = tls_message(2, Octets8(70, 1));
  append(messages, tls_message(11, Octets8(900, 2)));
  append(messages, tls_message(14, {}));
  Octets8 stream;
  for (const Bytes part : {Bytes(messages).first(3), Bytes(messages).subspan(3, 500), Bytes(messages).subspan(503)}) {
    append(stream, tls_record(tls_content::kHandshake, part));
  }
  append(stream, tls_record(tls_content::kChangeCipherSpec, Octets8{1}));
  append(stream, tls_record(tls_content::kApplicationData, Octets8(3000, 9)));
  append(stream, tls_record(tls_content::kAlert, Octets8{1, 0}));
  return stream;
}
constexpr const char* kConversation = "m2:70 m11:900 m14:0 o20 o23 o21 ";

TEST(TlsRecords, PutsMessagesTogetherFromSeveralRecords) {
  EXPECT_EQ(read_all(conversation()), kConversation);
}

TEST(TlsRecords, DoesNotMindWhereTheStreamIsDivided) {
  const Octets8 stream = conversation();
  for (size_t at = 0; at <= stream.size(); ++at) {
    TlsRecords records;
    std::string said = read_all(records, Bytes(stream).first(at));
    said += read_all(records, Bytes(stream).subspan(at));
    ASSERT_EQ(said, kConversation) << at;
  }
  TlsRecords records;
  std::string said;
  for (const uint8_t& octet : stream) said += read_all(records, Bytes(&octet, 1));
  EXPECT_EQ(said, kConversation);
}

TEST(TlsRecords, KeepsABoundedPartOfALongMessage) {
  const Octets8 message = tls_message(11, Octets8(100000, 7));
  Octets8 stream;
  for (size_t at = 0; at < message.size(); at += 16000) {
    append(stream, tls_record(22, Bytes(message).subspan(at, std::min<size_t>(16000, message.size() - at))));
  }
  append(stream, tls_record(22, tls_message(14, {})));
  EXPECT_EQ(read_all(stream), "m11:16380- m14:0 ");
}

TEST(TlsRecords, ALengthThatAPeerClaimsCostsNothing) {
  TlsRecords records;
  EXPECT_EQ(read_all(records, tls_record(22, Octets8{11, 0xff, 0xff, 0xff, 1, 2, 3})), "");
  const TlsRecords::Item rest = records.rest();
  EXPECT_EQ(rest.kind, Kind::Message);
  EXPECT_EQ(rest.type, 11);
  EXPECT_EQ(rest.body.size(), 3U);
  EXPECT_FALSE(rest.whole);
}

TEST(TlsRecords, RestIsNothingBetweenMessages) {
  TlsRecords records;
  EXPECT_EQ(records.rest().kind, Kind::More);
  read_all(records, tls_record(22, tls_message(2, Octets8(5, 1))));
  EXPECT_EQ(records.rest().kind, Kind::More);
}

TEST(TlsRecords, BreaksAtWhatIsNoRecord) {
  EXPECT_EQ(read_all(octets("GET / HTTP/1.1\r\n")), "b");
  EXPECT_EQ(read_all(Octets8{22, 2, 0, 0, 5}), "b") << "version";
  EXPECT_EQ(read_all(Octets8{24, 3, 3, 0, 5}), "b") << "content";
  EXPECT_EQ(read_all(Octets8{22, 3, 3, 0x48, 1}), "b") << "length";
  TlsRecords records;
  EXPECT_EQ(read_all(records, Octets8{0, 0, 0, 0, 0}), "b");
  EXPECT_EQ(read_all(records, tls_record(22, tls_message(2, Octets8(5, 1)))), "b") << "for good";
}

TEST(TlsRecords, LooksLikeTlsAsFarAsItGoes) {
  const Octets8 hello = tls_record(22, tls_message(1, Octets8(40, 0)));
  for (size_t length = 0; length < hello.size(); ++length) {
    EXPECT_TRUE(looks_like_tls(Bytes(hello).first(length), 1)) << length;
    EXPECT_EQ(looks_like_tls(Bytes(hello).first(length), 2), length < kTlsLookBytes) << length;
  }
  EXPECT_FALSE(looks_like_tls(octets("G"), 1));
  EXPECT_FALSE(looks_like_tls(Octets8{22, 4}, 1));
  EXPECT_FALSE(looks_like_tls(Octets8{22, 3, 5}, 1));
  EXPECT_FALSE(looks_like_tls(Octets8{22, 3, 1, 0, 3}, 1)) << "too short for a message";
  EXPECT_FALSE(looks_like_tls(Octets8{23, 3, 3, 0, 50, 1}, 1));
}

}  // namespace
}  // namespace microcloud
