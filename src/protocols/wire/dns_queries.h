// The DNS queries of one flow that wait for their responses.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/pool.h"
#include "protocols/wire/dns_message.h"
#include "protocols/wire/dns_options.h"
#include "protocols/wire/text_words.h"

namespace microcloud {

/// Equal where the question, the id and who asks are; of another question equal by chance only.
inline uint32_t dns_mark(const DnsMessage& message, bool from_initiator) {
  constexpr HashSeed kSeed;
  uint64_t head = message.id | uint64_t{from_initiator} << 16;
  if (!message.has_question) return static_cast<uint32_t>(hash_words(kSeed, head, 0, 0));
  head |= uint64_t{1} << 17 | uint64_t{message.type} << 32 | uint64_t{message.klass} << 48;
  return static_cast<uint32_t>(hash_words(kSeed, head, hash_text(kSeed, text_of(message.name.bytes())), 0));
}

/// A query that waits.
struct DnsQuery {
  static constexpr int64_t kTimeoutUs = 5'000'000;   // after the last repetition
  static constexpr int64_t kLongestUs = 15'000'000;  // from the first query, however often it is repeated

  uint16_t id = 0;
  uint16_t flags = 0;
  uint16_t type = 0;
  uint16_t klass = 0;
  bool has_question = false;
  bool from_initiator = false;
  uint32_t times = 1;
  int64_t first_us = 0;
  int64_t last_us = 0;
  uint32_t case_mark = 0;
  std::optional<DnsEdns> edns;
  std::vector<uint8_t, PoolAllocator<uint8_t>> name;  // as DnsName has it
  std::string client_subnet;

  DnsQuery(const DnsMessage& message, bool from, int64_t now_us)
      : id(message.id),
        flags(message.flags),
        type(message.type),
        klass(message.klass),
        has_question(message.has_question),
        from_initiator(from),
        first_us(now_us),
        last_us(now_us),
        case_mark(message.case_mark),
        edns(message.edns) {
    if (!message.edns_options.empty()) client_subnet = read_dns_options(message.edns_options).client_subnet;
    if (has_question) name.assign(message.name.bytes().begin(), message.name.bytes().end());
  }

  int64_t deadline_us() const { return std::min(last_us + kTimeoutUs, first_us + kLongestUs); }
  /// What this message, whose mark is the same, asks or answers.
  bool is(const DnsMessage& message, bool from) const {
    if (id != message.id || from_initiator != from || has_question != message.has_question) return false;
    const Bytes other = message.name.bytes();
    return !has_question || (type == message.type && klass == message.klass &&
                             std::equal(name.begin(), name.end(), other.begin(), other.end()));
  }
};

/// The queries of a flow that wait, oldest first. To look for one costs about an instruction for each that waits, and
/// to take off the oldest nothing.
class DnsQueries {
 public:
  static constexpr size_t kMost = 512;  // more the caller does not add

  bool empty() const { return gone_ == all_.size(); }
  size_t size() const { return all_.size() - gone_; }
  std::span<DnsQuery> waiting() { return std::span(all_).subspan(gone_); }

  /// The one that asks just what the message has as its question; nullptr: none.
  DnsQuery* asking(const DnsMessage& message, bool from_initiator) {
    constexpr size_t kAtOnce = 16;
    const uint32_t mark = dns_mark(message, from_initiator);
    for (size_t at = gone_; at < all_.size(); ++at) {
      while (marks_.size() - at >= kAtOnce && !is_among<kAtOnce>(mark, &marks_[at])) at += kAtOnce;
      if (at < all_.size() && marks_[at] == mark && all_[at].is(message, from_initiator)) return &all_[at];
    }
    return nullptr;
  }
  /// The one that a response answers: one without a question, the oldest of its id.
  DnsQuery* answered(const DnsMessage& message, bool from_initiator) {
    if (message.has_question) return asking(message, from_initiator);
    for (DnsQuery& query : waiting()) {
      if (query.id == message.id && query.from_initiator == from_initiator) return &query;
    }
    return nullptr;
  }
  DnsQuery& add(const DnsMessage& message, bool from_initiator, int64_t now_us) {
    marks_.push_back(dns_mark(message, from_initiator));
    return all_.emplace_back(message, from_initiator, now_us);
  }
  void erase(DnsQuery& query) {
    if (const auto at = static_cast<size_t>(&query - all_.data()); at != gone_) {
      all_.erase(all_.begin() + static_cast<ptrdiff_t>(at));
      marks_.erase(marks_.begin() + static_cast<ptrdiff_t>(at));
      return;
    }
    ++gone_;
    if (empty() || gone_ == kMost) drop_gone();
  }
  /// Erases those of which `leaves(query)`.
  template <typename Leaves>
  void erase_if(const Leaves& leaves) {
    drop_gone();
    size_t kept = 0;
    for (size_t at = 0; at < all_.size(); ++at) {
      if (leaves(all_[at])) continue;
      if (kept != at) {
        all_[kept] = std::move(all_[at]);
        marks_[kept] = marks_[at];
      }
      ++kept;
    }
    all_.erase(all_.begin() + static_cast<ptrdiff_t>(kept), all_.end());
    marks_.resize(kept);
  }

 private:
  template <size_t Count>
  static bool is_among(uint32_t mark, const uint32_t* marks) {
    uint32_t equal = 0;  // without a branch for each
    for (size_t at = 0; at < Count; ++at) equal |= static_cast<uint32_t>(marks[at] == mark);
    return equal != 0;
  }
  void drop_gone() {
    all_.erase(all_.begin(), all_.begin() + static_cast<ptrdiff_t>(gone_));
    marks_.erase(marks_.begin(), marks_.begin() + static_cast<ptrdiff_t>(gone_));
    gone_ = 0;
  }

  std::vector<DnsQuery, PoolAllocator<DnsQuery>> all_;
  std::vector<uint32_t, PoolAllocator<uint32_t>> marks_;  // of each
  size_t gone_ = 0;                                       // at the front
};

}  // namespace microcloud
