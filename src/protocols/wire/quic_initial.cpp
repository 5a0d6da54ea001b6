#include "protocols/wire/quic_initial.h"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <new>
#include <string>
#include <string_view>

#include "base/hmac.h"

namespace microcloud {
namespace {

constexpr size_t kTagOctets = 16;
constexpr size_t kLongestNumber = 4;
using Secret = std::array<uint8_t, kSha256Octets>;

// ---- headers

struct Version {
  uint32_t first;
  uint32_t last;
  uint8_t initial_type;
  std::string_view prefix;  // of the labels of its keys
  std::array<uint8_t, 20> salt;
};

constexpr std::array<uint8_t, 20> kSalt1{0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
                                         0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a};
constexpr std::array<uint8_t, 20> kSalt2{0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93,
                                         0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9};
constexpr std::array<uint8_t, 20> kSaltDraft29{0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97,
                                               0x86, 0xf1, 0x9c, 0x61, 0x11, 0xe0, 0x43, 0x90, 0xa8, 0x99};
constexpr std::array<uint8_t, 20> kSaltDraft23{0xc3, 0xee, 0xf7, 0x12, 0xc7, 0x2e, 0xbb, 0x5a, 0x11, 0xa7,
                                               0xd2, 0x43, 0x2b, 0xb4, 0x63, 0x65, 0xbe, 0xf9, 0xf5, 0x02};
constexpr uint32_t kMvfst27 = 0xfaceb002;  // draft 27 under a number of Facebook's

constexpr Version kVersions[] = {
    {kQuicV1, kQuicV1, 0, "quic", kSalt1},
    {kQuicV2, kQuicV2, 1, "quicv2", kSalt2},
    {kQuicDraft23 + 10, kQuicDraft23 + 11, 0, "quic", kSalt1},  // drafts 33 and 34
    {kQuicDraft23 + 6, kQuicDraft23 + 9, 0, "quic", kSaltDraft29},
    {kQuicDraft23, kQuicDraft23 + 5, 0, "quic", kSaltDraft23},
    {kMvfst27, kMvfst27, 0, "quic", kSaltDraft23},
};

const Version* version_of(uint32_t number) {
  const auto* found = std::find_if(std::begin(kVersions), std::end(kVersions),
                                   [&](const Version& one) { return number >= one.first && number <= one.last; });
  return found == std::end(kVersions) ? nullptr : found;
}

/// A variable-length integer (RFC 9000, 16).
uint64_t read_varint(Cursor& in) {
  const unsigned octets = 1U << (in.peek() >> 6);
  uint64_t number = in.u8() & 0x3fU;
  for (unsigned at = 1; at < octets; ++at) number = number << 8 | in.u8();
  return in.ok() ? number : 0;
}

// ---- keys

/// HKDF-Expand-Label with an empty context (RFC 8446, 7.1), of at most 32 octets.
Secret expand(const Secret& secret, std::string_view label, uint8_t octets) {
  const std::string text = "tls13 " + std::string(label);
  std::vector<uint8_t> info{0, octets, static_cast<uint8_t>(text.size())};
  info.insert(info.end(), text.begin(), text.end());
  info.push_back(0);  // the context's length
  info.push_back(1);  // the first block
  return hmac_sha256(secret, info);
}

struct CipherDeleter {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};

/// One of this thread: an allocation a packet less.
EVP_CIPHER_CTX* cipher_context() {
  static thread_local std::unique_ptr<EVP_CIPHER_CTX, CipherDeleter> context(EVP_CIPHER_CTX_new());
  if (context == nullptr) throw std::bad_alloc();
  return context.get();
}

/// RFC 9001, 5.4.3.
std::array<uint8_t, 16> header_mask(const QuicInitialKeys::Key& key, Bytes sample) {
  std::array<uint8_t, 32> out{};
  int written = 0;
  EVP_CIPHER_CTX* context = cipher_context();
  if (EVP_EncryptInit_ex(context, EVP_aes_128_ecb(), nullptr, key.data(), nullptr) != 1 ||
      EVP_EncryptUpdate(context, out.data(), &written, sample.data(), static_cast<int>(sample.size())) != 1)
    throw std::bad_alloc();
  std::array<uint8_t, 16> mask;
  std::copy_n(out.begin(), mask.size(), mask.begin());
  return mask;
}

/// AES-128-GCM; `sealed` ends with the tag.
std::optional<std::vector<uint8_t>> decrypt(const QuicInitialKeys::Key& key, const QuicInitialKeys::Iv& nonce,
                                            Bytes header, Bytes sealed) {
  const Bytes text = sealed.first(sealed.size() - kTagOctets);
  std::array<uint8_t, kTagOctets> tag;
  std::copy(sealed.end() - kTagOctets, sealed.end(), tag.begin());
  std::vector<uint8_t> plain(text.size());
  int written = 0;
  EVP_CIPHER_CTX* context = cipher_context();
  if (EVP_DecryptInit_ex(context, EVP_aes_128_gcm(), nullptr, key.data(), nonce.data()) != 1 ||
      EVP_DecryptUpdate(context, nullptr, &written, header.data(), static_cast<int>(header.size())) != 1 ||
      EVP_DecryptUpdate(context, plain.data(), &written, text.data(), static_cast<int>(text.size())) != 1 ||
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, kTagOctets, tag.data()) != 1)
    throw std::bad_alloc();
  if (EVP_DecryptFinal_ex(context, nullptr, &written) != 1) return std::nullopt;
  return plain;
}

}  // namespace

bool read_quic_packet(Bytes datagram, QuicPacket& packet) {
  constexpr uint8_t kLongAndFixed = 0xc0;
  constexpr size_t kMostOfId = 20;
  packet = {};
  Cursor in(datagram);
  const uint8_t first = in.u8();
  packet.version = in.u32();
  if (!in.ok() || (first & kLongAndFixed) != kLongAndFixed) return false;
  const Version* version = version_of(packet.version);
  if (version == nullptr) return true;
  for (const bool is_destination : {true, false}) {
    const size_t octets = in.u8();
    if (octets > kMostOfId) return false;
    const Bytes id = in.bytes(octets);
    if (is_destination) packet.destination = id;
  }
  const unsigned type = first >> 4 & 3U;
  const unsigned retry_type = (version->initial_type + 3U) & 3U;
  if (type == retry_type) return in.ok();
  packet.initial = type == version->initial_type;
  if (packet.initial) {
    const uint64_t token = read_varint(in);
    if (token > in.left()) return false;
    in.skip(static_cast<size_t>(token));
  }
  const uint64_t rest = read_varint(in);
  if (!in.ok() || rest > in.left()) return false;
  packet.number_at = datagram.size() - in.left();
  packet.whole = datagram.first(packet.number_at + static_cast<size_t>(rest));
  return true;
}

QuicInitialKeys::QuicInitialKeys(uint32_t version, Bytes destination) {
  const Version* const of = version_of(version);
  if (of == nullptr) return;
  const std::string prefix(of->prefix);
  const Secret client = expand(hmac_sha256(of->salt, destination), "client in", 32);
  const Secret key = expand(client, prefix + " key", 16), iv = expand(client, prefix + " iv", 12),
               header_key = expand(client, prefix + " hp", 16);
  std::copy_n(key.begin(), key_.size(), key_.begin());
  std::copy_n(iv.begin(), iv_.size(), iv_.begin());
  std::copy_n(header_key.begin(), header_key_.size(), header_key_.begin());
}

std::optional<std::vector<uint8_t>> QuicInitialKeys::open(const QuicPacket& packet) const {
  const size_t sample_at = packet.number_at + kLongestNumber;
  if (!packet.initial || packet.whole.size() < sample_at + kTagOctets) return std::nullopt;
  const auto mask = header_mask(header_key_, packet.whole.subspan(sample_at, kTagOctets));
  std::vector<uint8_t> header(packet.whole.begin(),
                              packet.whole.begin() + static_cast<std::ptrdiff_t>(packet.number_at + kLongestNumber));
  header.front() = static_cast<uint8_t>(header.front() ^ (mask[0] & 0x0f));
  const size_t number_octets = (header.front() & 3U) + 1;
  header.resize(packet.number_at + number_octets);
  Iv nonce = iv_;
  for (size_t at = 0; at < number_octets; ++at) {
    uint8_t& octet = header[packet.number_at + at];
    octet = static_cast<uint8_t>(octet ^ mask[1 + at]);
    uint8_t& place = nonce[nonce.size() - number_octets + at];
    place = static_cast<uint8_t>(place ^ octet);
  }
  return decrypt(key_, nonce, header, packet.whole.subspan(header.size()));
}

void prepare_quic() {
  static_cast<void>(QuicInitialKeys(kQuicV1, {})
                        .open({.version = kQuicV1,
                               .initial = true,
                               .destination = {},
                               .number_at = 1,
                               .whole = std::array<uint8_t, 64>{}}));
}

// ---- frames

bool QuicCryptoStream::take_frames(Bytes frames) {
  enum : uint64_t { kPadding = 0, kPing = 1, kAck = 2, kAckEcn = 3, kCrypto = 6, kClose = 0x1c };
  Cursor in(frames);
  while (in.left() > 0) {
    const uint64_t type = read_varint(in);
    if (type == kPadding || type == kPing) continue;
    if (type == kClose) return true;
    if (type == kAck || type == kAckEcn) {
      read_varint(in);  // largest
      read_varint(in);  // delay
      uint64_t numbers = read_varint(in);
      numbers = 1 + 2 * std::min<uint64_t>(numbers, in.left()) + (type == kAckEcn ? 3 : 0);
      for (uint64_t at = 0; at < numbers && in.ok(); ++at) read_varint(in);
    } else if (type == kCrypto) {
      const uint64_t offset = read_varint(in);
      const uint64_t octets = read_varint(in);
      const Bytes data = in.bytes(static_cast<size_t>(std::min<uint64_t>(octets, in.left() + 1)));
      if (in.ok() && offset < kMost) take(static_cast<size_t>(offset), data);
    } else {
      return false;
    }
    if (!in.ok()) return false;
  }
  return true;
}

void QuicCryptoStream::take(size_t offset, Bytes data) {
  data = data.first(std::min(data.size(), kMost - offset));
  if (data.empty() || pieces_.size() == kMostPieces) return;
  Piece piece{offset, offset + data.size()};
  bytes_.resize(std::max(bytes_.size(), piece.to));
  std::copy(data.begin(), data.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
  std::erase_if(pieces_, [&](const Piece& other) {
    if (other.to < piece.from || other.from > piece.to) return false;
    piece = {std::min(piece.from, other.from), std::max(piece.to, other.to)};
    return true;
  });
  const auto behind =
      std::find_if(pieces_.begin(), pieces_.end(), [&](const Piece& other) { return other.from > piece.to; });
  pieces_.insert(behind, piece);
}

Bytes QuicCryptoStream::beginning() const {
  if (pieces_.empty() || pieces_.front().from != 0) return {};
  return Bytes(bytes_).first(pieces_.front().to);
}

}  // namespace microcloud
