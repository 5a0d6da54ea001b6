// Hellos and their fingerprints, with the vectors that JA3's and JA4's authors published.
#include "protocols/wire/tls_fingerprint.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "protocols/wire/tls_bytes_test.h"

namespace microcloud {
namespace {

template <size_t Size>
std::string text_of(const std::array<char, Size>& characters) {
  return {characters.data(), Size};
}

/// Keeps the bytes that its hello refers to.
struct Read {
  explicit Read(const HelloBytes& from) : bytes(from.client()) { known = read_client_hello(bytes, hello); }
  Octets8 bytes;
  ClientHello hello;
  bool known = false;
};

std::string ja4(const HelloBytes& bytes) {
  return text_of(ja4_of(Read(bytes).hello));
}

// The examples of https://github.com/salesforce/ja3/blob/master/README.md
HelloBytes ja3_example() {
  HelloBytes bytes({47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4}, 769);
  return bytes.server_name("example.test").groups({23, 24, 25}).point_formats({0});
}

TEST(Ja3, IsThatOfTheExamples) {
  const Read read(ja3_example());
  EXPECT_EQ(ja3_text(read.hello), "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0");
  EXPECT_EQ(text_of(ja3_hash(ja3_text(read.hello))), "ada70206e40642a3e4461f35503241d5");
  const Read bare(HelloBytes({4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99}, 769));
  EXPECT_TRUE(bare.hello.whole);
  EXPECT_EQ(ja3_text(bare.hello), "769,4-5-10-9-100-98-3-6-19-18-99,,,");
  EXPECT_EQ(text_of(ja3_hash(ja3_text(bare.hello))), "de350869b8c85de67a350c8d186f11e6");
}

TEST(Ja3, LeavesOutGrease) {
  HelloBytes bytes({0x0a0a, 47, 0xfafa, 53}, 769);
  bytes.extension(0x1a1a).groups({0x2a2a, 23}).extension(0xeaea, Octets8{0}).point_formats({0});
  EXPECT_EQ(ja3_text(Read(bytes).hello), "769,47-53,10-11,23,0");
  EXPECT_FALSE(is_grease(0x0a1a));
  EXPECT_FALSE(is_grease(0x0b0b));
}

TEST(Fingerprints, AreTheSameWhetherKnownOrNot) {
  HelloBytes shuffled({0x1301, 0xc02f});
  shuffled.groups({29}).server_name("a.test").alpn({"h2"}).algorithms({0x0403}).versions({0x0304});
  HelloBytes other({0x1301, 0xc02f});
  other.server_name("a.test").groups({29}).alpn({"h2"}).algorithms({0x0403}).versions({0x0304});
  HelloBytes longest(std::vector<uint16_t>(300, 0x1301));  // too long to be kept
  longest.server_name("a.test");
  HelloBytes no_name({0x1301, 0xc02f}), other_alpn({0x1301, 0xc02f}), odd({0x1301, 0xc02f});
  no_name.groups({29}).alpn({"h2"});
  other_alpn.groups({29}).alpn({"h3"});
  odd.groups({29}).alpn({std::string_view("\0\0", 2)});
  for (int round = 0; round < 2; ++round) {
    for (const HelloBytes* bytes : {&shuffled, &other, &longest, &no_name, &other_alpn, &odd}) {
      const Read read(*bytes);
      const ClientFingerprints prints = fingerprints_of(read.hello);
      EXPECT_EQ(text_of(prints.ja3), text_of(ja3_hash(ja3_text(read.hello))));
      EXPECT_EQ(text_of(prints.ja4), text_of(ja4_of(read.hello)));
      const Octets8 body = bytes->server();
      ServerHello answer;
      ASSERT_TRUE(read_server_hello(body, answer));
      EXPECT_EQ(text_of(ja3s_of(answer)), text_of(ja3_hash(ja3s_text(answer))));
    }
  }
  EXPECT_EQ(text_of(fingerprints_of(Read(shuffled).hello).ja4), text_of(fingerprints_of(Read(other).hello).ja4));
  EXPECT_NE(text_of(fingerprints_of(Read(shuffled).hello).ja3), text_of(fingerprints_of(Read(other).hello).ja3));
}

// A real server's, as tshark 4.0 reads it.
TEST(Ja3s, IsThatOfTheExample) {
  HelloBytes bytes({49200});
  for (const uint16_t type : std::vector<uint16_t>{65281, 0, 11, 35, 5, 16}) bytes.extension(type);
  const Octets8 body = bytes.server();
  ServerHello hello;
  ASSERT_TRUE(read_server_hello(body, hello));
  EXPECT_EQ(ja3s_text(hello), "771,49200,65281-0-11-35-5-16");
  EXPECT_EQ(text_of(ja3_hash(ja3s_text(hello))), "35af4c8cd9495354f7d701ce8ad7fd2d");
}

// The example of https://github.com/FoxIO-LLC/ja4/blob/main/technical_details/JA4.md, GREASE added.
HelloBytes ja4_example(bool with_name, bool with_algorithms) {
  HelloBytes bytes({0x3a3a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014,
                    0x009c, 0x009d, 0x002f, 0x0035});
  bytes.extension(0xdada).extension(0x001b);
  if (with_name) bytes.server_name("example.test");
  bytes.extension(0x0033).alpn({"h2", "http/1.1"}).extension(0x4469).extension(0x0017).extension(0x002d);
  if (with_algorithms) {
    bytes.algorithms({0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601});
  } else {
    bytes.extension(0x000d);
  }
  bytes.extension(0x0005).extension(0x0023).extension(0x0012).versions({0x8a8a, 0x0304, 0x0303});
  return bytes.extension(0xff01).extension(0x000b).groups({0x5a5a, 29, 23}).extension(0x0015);
}

TEST(Ja4, IsThatOfTheExample) {
  EXPECT_EQ(ja4(ja4_example(true, true)), "t13d1516h2_8daaf6152771_e5627efa2ab1");
  EXPECT_EQ(ja4_text(Read(ja4_example(true, true)).hello),
            "t13d1516h2_002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9_"
            "0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01_"
            "0403,0804,0401,0503,0805,0501,0806,0601");
  EXPECT_EQ(ja4(ja4_example(true, false)), "t13d1516h2_8daaf6152771_6d807ffa2a79") << "no signature algorithms";
  EXPECT_EQ(ja4(ja4_example(false, true)), "t13i1515h2_8daaf6152771_e5627efa2ab1") << "no server name";
}

TEST(Ja4, SaysZerosWhereThereIsNothing) {
  EXPECT_EQ(ja4(HelloBytes({}, 0x0301)), "t10i000000_000000000000_000000000000");
  HelloBytes named({}, 0x0300);
  EXPECT_EQ(ja4(named.server_name("a").alpn({"h2"})), "ts3d0002h2_000000000000_000000000000");
}

TEST(Ja4, TakesTheVersionOffered) {
  HelloBytes draft({1}, 0x0303);
  EXPECT_EQ(ja4(draft.versions({0x7f1c, 0x0303})).substr(0, 3), "t00") << "a version without a name";
  EXPECT_EQ(ja4(HelloBytes({1}, 0x0302)).substr(0, 3), "t11");
}

TEST(Ja4, WritesProtocolsThatAreNoTextInHexadecimal) {
  const auto alpn = [](std::string_view name) {
    HelloBytes bytes({1});
    return ja4(bytes.alpn({name})).substr(8, 2);
  };
  EXPECT_EQ(alpn("http/1.1"), "h1");
  EXPECT_EQ(alpn("x"), "xx");
  EXPECT_EQ(alpn(""), "00");
  EXPECT_EQ(alpn("\xab"), "ab");
  EXPECT_EQ(alpn("\xab\xcd"), "ad");
  EXPECT_EQ(alpn("\x30\xab"), "3b");
  EXPECT_EQ(alpn("\x30\x31\xab\xcd"), "3d");
  EXPECT_EQ(alpn("\x30\xab\xcd\x31"), "01");
}

TEST(Ja4, CountsUpTo99) {
  EXPECT_EQ(ja4(HelloBytes(std::vector<uint16_t>(120, 0x1301))).substr(4, 2), "99");
}

TEST(ClientHello, GivesWhatItSays) {
  HelloBytes bytes({0x1301});
  const Read read(bytes.server_name("www.example.test").alpn({"h2", "http/1.1"}).versions({0x0304}));
  ASSERT_TRUE(read.known);
  EXPECT_TRUE(read.hello.whole);
  EXPECT_EQ(read.hello.server_name, "www.example.test");
  std::vector<std::string_view> names;
  for_each_alpn(read.hello.alpn, [&](std::string_view name) { names.push_back(name); });
  EXPECT_EQ(names, (std::vector<std::string_view>{"h2", "http/1.1"}));
}

TEST(ClientHello, CutAnywhereIsNotWhole) {
  const Octets8 body = ja4_example(true, true).client();
  const size_t ciphers_end = 2 + 32 + 33 + 2 + 32;
  for (size_t length = 0; length < body.size(); ++length) {
    ClientHello hello;
    EXPECT_EQ(read_client_hello(Bytes(body).first(length), hello), length >= ciphers_end) << length;
    const bool may_end_here = length == ciphers_end + 2;  // as a hello without extensions does
    EXPECT_TRUE(may_end_here || !hello.whole) << length;
  }
}

TEST(ClientHello, ANameExtensionWithoutNameIsOneAllTheSame) {
  HelloBytes bytes({1});
  const Read read(bytes.extension(0));
  EXPECT_TRUE(read.hello.has_server_name);
  EXPECT_FALSE(read.hello.server_name);
}

TEST(ServerHello, SaysTheVersionThatWasChosen) {
  HelloBytes bytes({0x1302});
  const Octets8 old_body = bytes.server();
  ServerHello hello;
  ASSERT_TRUE(read_server_hello(old_body, hello));
  EXPECT_EQ(hello.version, 0x0303);
  const Octets8 body = bytes.extension(43, words({0x0304})).server();
  ASSERT_TRUE(read_server_hello(body, hello));
  EXPECT_EQ(hello.legacy_version, 0x0303);
  EXPECT_EQ(hello.version, 0x0304);
  EXPECT_EQ(hello.cipher, 0x1302);
  EXPECT_TRUE(hello.whole);
  for (size_t length = 0; length < body.size(); ++length) {
    EXPECT_EQ(read_server_hello(Bytes(body).first(length), hello), length >= 69) << length;
  }
}

TEST(Certificate, TheFirstOneIsGivenAsFarAsItIsThere) {
  Octets8 list = with_length(octets("first"), 3);
  append(list, with_length(octets("second"), 3));
  const Octets8 body = with_length(list, 3);
  EXPECT_EQ(first_certificate(body).size(), 5U);
  EXPECT_EQ(first_certificate(Bytes(body).first(8)).size(), 2U);
  EXPECT_TRUE(first_certificate(Bytes(body).first(5)).empty());
}

}  // namespace
}  // namespace microcloud
