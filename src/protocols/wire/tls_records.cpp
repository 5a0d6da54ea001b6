#include "protocols/wire/tls_records.h"

#include <algorithm>

namespace microcloud {
namespace {

constexpr size_t kHeadOctets = 5;
constexpr size_t kMessageHeadOctets = 4;
constexpr uint16_t kMaxRecord = (1U << 14) + 2048;  // RFC 5246, 6.2.3: the longest that an encrypted record may be

bool is_version(uint8_t major, uint8_t minor) {
  return major == 3 && minor <= 4;
}

uint32_t message_octets(Bytes message) {
  return uint32_t{message[1]} << 16 | uint32_t{message[2]} << 8 | message[3];
}

Bytes take(Bytes& bytes, size_t count) {
  const Bytes taken = bytes.first(std::min(count, bytes.size()));
  bytes = bytes.subspan(taken.size());
  return taken;
}

}  // namespace

bool looks_like_tls(Bytes bytes, uint8_t handshake_type) {
  if (!bytes.empty() && bytes[0] != tls_content::kHandshake) return false;
  if (bytes.size() > 1 && !is_version(bytes[1], bytes.size() > 2 ? bytes[2] : uint8_t{0})) return false;
  if (bytes.size() < kHeadOctets) return true;
  const uint16_t length = load_be16(bytes.data() + 3);
  if (length < kMessageHeadOctets || length > kMaxRecord) return false;
  return bytes.size() < kTlsLookBytes || bytes[5] == handshake_type;
}

bool TlsRecords::read_head(Bytes& bytes) {
  const Bytes more = take(bytes, kHeadOctets - head_length_);
  std::copy(more.begin(), more.end(), head_.begin() + head_length_);
  head_length_ = static_cast<uint8_t>(head_length_ + more.size());
  if (head_length_ < kHeadOctets) return false;
  head_length_ = 0;
  content_ = head_[0];
  record_left_ = load_be16(head_.data() + 3);
  broken_ = content_ < tls_content::kChangeCipherSpec || content_ > tls_content::kApplicationData ||
            !is_version(head_[1], head_[2]) || record_left_ > kMaxRecord;
  return true;
}

/// The octets of a message that begins here and is whole in this record and in `bytes`, so that it need not be put
/// together; 0: there is none.
size_t TlsRecords::whole_message(Bytes bytes) const {
  if (!message_.empty() || skip_ != 0 || bytes.size() < kMessageHeadOctets) return 0;
  const size_t all = kMessageHeadOctets + message_octets(bytes);
  return all <= std::min<size_t>({bytes.size(), record_left_, kMaxMessage}) ? all : 0;
}

/// Handshake octets of the record at hand, until a message is there.
TlsRecords::Item TlsRecords::collect(Bytes& bytes) {
  if (given_) {
    message_.clear();
    given_ = false;
  }
  if (const size_t whole = whole_message(bytes); whole != 0) {
    const Bytes message = take(bytes, whole);
    record_left_ = static_cast<uint16_t>(record_left_ - whole);
    return {Item::Kind::Message, message[0], message.subspan(kMessageHeadOctets), true};
  }
  while (record_left_ != 0 && !bytes.empty()) {
    if (skip_ != 0) {
      const size_t skipped = take(bytes, std::min<size_t>(record_left_, skip_)).size();
      record_left_ = static_cast<uint16_t>(record_left_ - skipped);
      skip_ -= static_cast<uint32_t>(skipped);
      continue;
    }
    const bool has_head = message_.size() >= kMessageHeadOctets;
    const size_t all = kMessageHeadOctets + (has_head ? message_octets(message_) : 0);
    const size_t wanted = std::min(all, kMaxMessage);
    const Bytes more = take(bytes, std::min<size_t>(record_left_, wanted - message_.size()));
    message_.insert(message_.end(), more.begin(), more.end());
    record_left_ = static_cast<uint16_t>(record_left_ - more.size());
    if (message_.size() < wanted) continue;
    const size_t octets = message_octets(message_);
    if (!has_head && octets != 0) continue;  // the length is known now
    given_ = true;
    skip_ = static_cast<uint32_t>(kMessageHeadOctets + octets - message_.size());
    return {Item::Kind::Message, message_[0], Bytes(message_).subspan(kMessageHeadOctets), skip_ == 0};
  }
  return {};
}

TlsRecords::Item TlsRecords::next(Bytes& bytes) {
  while (!bytes.empty() && !broken_) {
    if (record_left_ == 0) {
      if (!read_head(bytes)) return {};
      if (broken_) break;
      if (content_ != tls_content::kHandshake) return {Item::Kind::Other, content_, {}, true};
    } else if (content_ == tls_content::kHandshake) {
      const Item item = collect(bytes);
      if (item.kind != Item::Kind::More) return item;
    } else {
      record_left_ = static_cast<uint16_t>(record_left_ - take(bytes, record_left_).size());
    }
  }
  return {broken_ ? Item::Kind::Broken : Item::Kind::More, 0, {}, true};
}

TlsRecords::Item TlsRecords::rest() const {
  if (given_ || message_.size() <= kMessageHeadOctets) return {};
  return {Item::Kind::Message, message_[0], Bytes(message_).subspan(kMessageHeadOctets), false};
}

}  // namespace microcloud
