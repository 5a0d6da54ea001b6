#include "flow/host_index.h"

#include <cassert>
#include <cstring>

namespace microcloud {

HostIndex::HostIndex(uint32_t capacity, HashSeed seed)
    : seed_(seed),
      index_(size_t{2} * capacity, Pages::Small),
      links_(capacity, Pages::Small),
      hosts_(size_t{2} * capacity, Pages::Small) {
  assert(capacity <= 1U << 30);  // an entry's word has 31 bits for the slot, and one value is no entry
}

uint32_t HostIndex::tag_of(const IpAddress& host) const {
  uint64_t high, low;
  std::memcpy(&high, host.bytes.data(), sizeof high);
  std::memcpy(&low, host.bytes.data() + sizeof high, sizeof low);
  return FlowIndex::tag_of(hash_words(seed_, high, low, host.version));
}

uint32_t HostIndex::find(const IpAddress& host, uint32_t tag) const {
  return index_.find(tag, [&](uint32_t at) { return hosts_[at].address == host; });
}

HostIndex::Entry HostIndex::newest(const IpAddress& host) const {
  const uint32_t at = find(host, tag_of(host));
  return at == kNone ? Entry{} : unpack(hosts_[at].newest);
}

void HostIndex::add(uint32_t slot, const FlowKey& key) {
  const IpAddress low = key.address(true), high = key.address(false);
  links_[slot].order = ++added_;
  link(slot, 0, low);
  if (low == high) {
    links_[slot].host[1] = kNone;
  } else {
    link(slot, 1, high);
  }
}

void HostIndex::link(uint32_t slot, unsigned end, const IpAddress& host) {
  const uint32_t tag = tag_of(host);
  uint32_t at = find(host, tag);
  if (at == kNone) {
    at = used_hosts_;
    if (free_hosts_.empty()) {
      ++used_hosts_;
    } else {
      at = free_hosts_.back();
      free_hosts_.pop_back();
    }
    hosts_[at] = {host, tag, kNone};
    index_.insert(tag, at);
  }
  Links& links = links_[slot];
  const uint32_t word = slot << 1 | end;
  links.host[end] = at;
  links.newer[end] = kNone;
  links.older[end] = hosts_[at].newest;
  if (const Entry next = older({slot, static_cast<uint8_t>(end)}); !next.none())
    links_[next.slot].newer[next.end] = word;
  hosts_[at].newest = word;
}

void HostIndex::remove(uint32_t slot) {
  unlink(slot, 0);
  if (links_[slot].host[1] != kNone) unlink(slot, 1);
}

void HostIndex::unlink(uint32_t slot, unsigned end) {
  const Links& links = links_[slot];
  const uint32_t at = links.host[end];
  const uint32_t older_word = links.older[end], newer_word = links.newer[end];
  if (const Entry next = unpack(older_word); !next.none()) links_[next.slot].newer[next.end] = newer_word;
  if (const Entry previous = unpack(newer_word); !previous.none()) {
    links_[previous.slot].older[previous.end] = older_word;
    return;
  }
  hosts_[at].newest = older_word;
  if (older_word != kNone) return;
  index_.erase(hosts_[at].tag, at);
  free_hosts_.push_back(at);
}

}  // namespace microcloud
