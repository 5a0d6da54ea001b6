// Names in certificates: one that openssl made, and names that no tool makes.
#include "protocols/wire/x509_names.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "protocols/wire/ber.h"
#include "protocols/wire/tls_bytes_test.h"

namespace microcloud {
namespace {

// Version 1, so without its element; signed by `openssl x509 -req`.
constexpr std::string_view kCertificate =
    "3082016130820113021426aa398f3dc2f460c9471bdbce8844fef6c97f07300506032b6570306c310b300906035504061302444531193017"
    "060355040a0c1045782c20616d706c65202b20536f6e73310e300c060355040b0c05206c65616431143012060a0992268993f22c64011916"
    "0474657374311c301a06035504030c1377c3b6726c642e6578616d706c652e74657374301e170d3236313132353233313730385a170d3336"
    "313132323233313730385a303a31133011060b2b0601040182373c02010313024445312330080603550405130137301706035504030c1077"
    "77772e6578616d706c652e74657374302a300506032b65700321002b58419a6f9d0ea200076d15a2b172c4fa705b503889115597ee10c7fd"
    "62203e300506032b6570034100e0585a56c3cc6b5ecef7bfe03c353d7634f0142f9059bec7d3ec05227134bb4d47b511caf95de0d02b5345"
    "126a4428a67cf6ca89036e67a4b18e060d9450100d";
constexpr const char* kSubject = "CN=www.example.test+serialNumber=7,1.3.6.1.4.1.311.60.2.1.3=#13024445";
// As `openssl x509 -issuer -nameopt RFC2253,-esc_msb,utf8` shows it.
constexpr const char* kIssuer = "CN=w\xc3\xb6rld.example.test,DC=test,OU=\\ lead,O=Ex\\, ample \\+ Sons,C=DE";

Octets8 unhex(std::string_view text) {
  Octets8 out;
  for (size_t at = 0; at + 1 < text.size(); at += 2) {
    out.push_back(static_cast<uint8_t>(std::stoi(std::string(text.substr(at, 2)), nullptr, 16)));
  }
  return out;
}

Octets8 element(uint8_t tag, Bytes content) {
  Octets8 out{tag};
  if (content.size() > 127) {
    out.push_back(0x82);
    append(out, with_length(content, 2));
  } else {
    append(out, with_length(content, 1));
  }
  return out;
}

/// A name of common names, each a value of its own kind.
Octets8 name_of(const std::vector<Octets8>& values) {
  Octets8 parts;
  for (const Octets8& value : values) {
    const Octets8 attribute = joined({element(ber_tag::kOid, Octets8{0x55, 4, 3}), value});
    append(parts, element(ber_tag::kSet, element(ber_tag::kSequence, attribute)));
  }
  return element(ber_tag::kSequence, parts);
}

Octets8 certificate_of(const Octets8& subject) {
  const Octets8 empty = element(ber_tag::kSequence, {});
  const Octets8 version = element(ber_tag::context(0), element(ber_tag::kInteger, Octets8{2}));
  const Octets8 serial = element(ber_tag::kInteger, Octets8{1});
  return element(ber_tag::kSequence,
                 element(ber_tag::kSequence, joined({version, serial, empty, empty, empty, subject})));
}

std::string subject_of(const std::vector<Octets8>& values) {
  X509Names names;
  return read_x509_names(certificate_of(name_of(values)), names) ? names.subject : "(none)";
}

TEST(X509Names, AreThoseThatOpensslShows) {
  X509Names names;
  ASSERT_TRUE(read_x509_names(unhex(kCertificate), names));
  EXPECT_EQ(names.subject, kSubject);
  EXPECT_EQ(names.issuer, kIssuer);
}

TEST(X509Names, NeedTheCertificateUpToItsSubjectAlone) {
  const Octets8 whole = unhex(kCertificate);
  size_t needed = 0;
  X509Names names;
  while (needed < whole.size() && !read_x509_names(Bytes(whole).first(needed), names)) ++needed;
  EXPECT_LT(needed, whole.size() - 100);
  for (size_t length = needed; length <= whole.size(); ++length) {
    ASSERT_TRUE(read_x509_names(Bytes(whole).first(length), names)) << length;
    ASSERT_EQ(names.subject, kSubject) << length;
  }
}

TEST(X509Names, EveryKindOfStringBecomesUtf8) {
  EXPECT_EQ(subject_of({element(ber_tag::kTeletexString, octets("\xfc"))}), "CN=\xc3\xbc");
  EXPECT_EQ(subject_of({element(ber_tag::kBmpString, octets(std::string("\x20\xac\0A", 4)))}),
            "CN=\xe2\x82\xac"
            "A");
  EXPECT_EQ(subject_of({element(ber_tag::kUniversalString, octets(std::string("\0\1\xf6\x00", 4)))}),
            "CN=\xf0\x9f\x98\x80");
  EXPECT_EQ(subject_of({element(ber_tag::kInteger, Octets8{5})}), "2.5.4.3=#020105") << "no string at all";
  EXPECT_EQ(subject_of({element(ber_tag::kOctetString, Octets8(130, 0))}).substr(0, 16), "2.5.4.3=#0481820");
}

TEST(X509Names, SpecialCharactersAreEscaped) {
  EXPECT_EQ(subject_of({element(ber_tag::kUtf8String, octets("#a\"+,;<>\\ "))}), "CN=\\#a\\\"\\+\\,\\;\\<\\>\\\\\\ ");
  EXPECT_EQ(subject_of({element(ber_tag::kUtf8String, octets(std::string("a\0\n", 3)))}), "CN=a\\00\\0a");
}

TEST(X509Names, AnEmptyNameIsOne) {
  EXPECT_EQ(subject_of({}), "");
}

TEST(X509Names, ANameIsOfBoundedLength) {
  const Octets8 value = element(ber_tag::kUtf8String, octets("a"));
  EXPECT_EQ(subject_of(std::vector<Octets8>(32, value)).size(), 32 * 5 - 1U);
  EXPECT_EQ(subject_of(std::vector<Octets8>(33, value)), "(none)");
}

TEST(X509Names, NothingElseIsACertificate) {
  X509Names names;
  EXPECT_FALSE(read_x509_names({}, names));
  EXPECT_FALSE(read_x509_names(octets("no certificate"), names));
  EXPECT_FALSE(read_x509_names(certificate_of(element(ber_tag::kSet, {})), names));
}

TEST(X509Names, OfABrokenCertificateAreReadWithoutHarm) {
  Octets8 bytes = unhex(kCertificate);
  size_t read = 0, refused = 0;
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (const unsigned change : {0x01U, 0x80U, 0xffU}) {
      bytes[at] = static_cast<uint8_t>(bytes[at] ^ change);
      X509Names names;
      ++(read_x509_names(bytes, names) ? read : refused);
      EXPECT_LE(names.subject.size() + names.issuer.size(), 4 * bytes.size());
      bytes[at] = static_cast<uint8_t>(bytes[at] ^ change);
    }
  }
  EXPECT_GT(read, 0U) << "damage behind the names, or within a text, leaves them readable";
  EXPECT_GT(refused, 0U) << "damage to the structure does not";
}

TEST(Ber, ReadsHeadsOfEveryLength) {
  const auto reads = [](const Octets8& bytes) {
    Cursor in(bytes);
    BerElement read;
    return read_ber(in, read) ? static_cast<int>(read.content.size()) * (read.whole ? 1 : -1) : -1000;
  };
  EXPECT_EQ(reads({4, 2, 1, 2}), 2);
  EXPECT_EQ(reads({4, 0x81, 2, 1, 2, 3}), 2);
  EXPECT_EQ(reads({4, 0x84, 0, 0, 0, 1, 9}), 1);
  EXPECT_EQ(reads({4, 5, 1, 2}), -2) << "cut";
  EXPECT_EQ(reads({4, 0x84, 0xff, 0xff, 0xff, 0xff, 1}), -1);
  EXPECT_EQ(reads({4, 0x85, 0, 0, 0, 0, 1, 1}), -1000) << "length of five octets";
  EXPECT_EQ(reads({0x30, 0x80, 0, 0}), -1000) << "of indefinite length";
  EXPECT_EQ(reads({0x1f, 1, 1}), -1000) << "tag of several octets";
  EXPECT_EQ(reads({4}), -1000);
  EXPECT_EQ(reads({4, 0x82, 1}), -1000);
}

}  // namespace
}  // namespace microcloud
