#include "inspect/ip_reassembly.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "packet/checksum.h"
#include "packet/decode.h"

namespace microcloud {
namespace {

constexpr uint32_t kLongestDatagram = 65535;

void store_be16(uint8_t* to, uint32_t value) {
  to[0] = static_cast<uint8_t>(value >> 8);
  to[1] = static_cast<uint8_t>(value);
}

}  // namespace

const char* not_joined_name(NotJoined reason) {
  switch (reason) {
    case NotJoined::TimedOut:
      return "timed_out";
    case NotJoined::PushedOut:
      return "pushed_out";
    case NotJoined::Overlapping:
      return "overlapping";
    case NotJoined::TooMany:
      return "too_many_fragments";
    case NotJoined::Cut:
      return "cut_by_capture";
    case NotJoined::Malformed:
      return "malformed";
    case NotJoined::Unreadable:
      return "unreadable";
    case NotJoined::kCount:
      break;
  }
  assert(false);
  return "";
}

bool IpReassembly::read_part_v4(Cursor in, Part& part) {
  const Bytes whole = in.rest();
  const Bytes fixed = in.bytes(20);
  if (fixed.empty()) return false;
  const size_t header = (fixed[0] & 15U) * size_t{4};
  const size_t total = load_be16(&fixed[2]);
  if (header < 20 || total < header || !in.skip(header - 20)) return false;
  in.keep(total - header);
  const unsigned fragment = load_be16(&fixed[6]);
  part.id.identification = load_be16(&fixed[4]);
  part.id.protocol = fixed[9];
  part.head = whole.first(header);
  part.payload = in.rest();
  part.octets = static_cast<uint32_t>(total - header);
  part.from = (fragment & 0x1fffU) * 8;
  part.more = (fragment & 0x2000U) != 0;
  return true;
}

/// Up to the fragment header, which decode() has found behind nothing but the headers skipped here.
bool IpReassembly::read_part_v6(Cursor in, Part& part) {
  const Bytes whole = in.rest();
  const Bytes fixed = in.bytes(40);
  if (fixed.empty()) return false;
  const size_t length = load_be16(&fixed[4]);
  in.keep(length);
  uint8_t protocol = fixed[6];
  while (protocol != ip_protocol::kFragment) {
    protocol = in.u8();
    const size_t size = (in.u8() + size_t{1}) * 8;
    if (!in.skip(size - 2)) return false;
  }
  part.head = {whole.data(), static_cast<size_t>(in.rest().data() - whole.data())};
  part.id.protocol = in.u8();
  in.skip(1);
  const unsigned fragment = in.u16();
  part.id.identification = in.u32();
  const size_t behind = part.head.size() + 8 - 40;
  if (!in.ok() || length < behind) return false;
  part.payload = in.rest();
  part.octets = static_cast<uint32_t>(length - behind);
  part.from = fragment & 0xfff8U;
  part.more = (fragment & 1U) != 0;
  return true;
}

bool IpReassembly::read_part(const Packet& fragment, Bytes frame, Part& part) {
  const bool v4 = fragment.fragment_version == 4;
  const size_t before = v4 ? 12 : 8;
  if (fragment.fragment_at < before || fragment.fragment_at > frame.size()) return false;
  part.id = {};
  part.id.version = fragment.fragment_version;
  const Cursor in(frame.subspan(fragment.fragment_at - before));
  if (!(v4 ? read_part_v4(in, part) : read_part_v6(in, part))) return false;
  const size_t address = v4 ? 4 : 16;
  std::memcpy(&part.id.ends[0], part.head.data() + before, address);
  std::memcpy(&part.id.ends[2], part.head.data() + before + address, address);
  return true;
}

IpReassembly::ByAge::iterator IpReassembly::datagram_of(const FragmentId& id, uint32_t tick_ms) {
  if (const auto found = datagrams_.find(id); found != datagrams_.end()) return found->second;
  if (datagrams_.size() >= kMostDatagrams) {
    if (!by_age_.front().refused) counters_.lost.add(NotJoined::PushedOut);
    forget(by_age_.begin());
  }
  Datagram& datagram = by_age_.emplace_back();
  datagram.id = id;
  datagram.tick_ms = tick_ms;
  const auto at = std::prev(by_age_.end());
  datagrams_.emplace(id, at);
  return at;
}

void IpReassembly::drop_bytes(Datagram& datagram) {
  bytes_ -= datagram.bytes.size() + datagram.head.size();
  counters_.held_bytes.set(bytes_);
  datagram.bytes = {};
  datagram.head = {};
  datagram.pieces = {};
}

void IpReassembly::refuse(Datagram& datagram, NotJoined reason) {
  counters_.lost.add(reason);
  drop_bytes(datagram);
  datagram.refused = true;
}

void IpReassembly::forget(ByAge::iterator datagram) {
  drop_bytes(*datagram);
  datagrams_.erase(datagram->id);
  by_age_.erase(datagram);
}

void IpReassembly::make_room(size_t bytes, const Datagram& for_this) {
  auto oldest = by_age_.begin();
  while (bytes_ + bytes > kMostBytes && oldest != by_age_.end()) {
    const auto next = std::next(oldest);
    if (&*oldest != &for_this && !oldest->bytes.empty()) {
      counters_.lost.add(NotJoined::PushedOut);
      forget(oldest);
    }
    oldest = next;
  }
}

/// Puts a part where it belongs. False when the datagram is refused for it.
bool IpReassembly::place(Datagram& datagram, const Part& part) {
  const auto refused = [&](NotJoined reason) {
    refuse(datagram, reason);
    return false;
  };
  const uint32_t end = part.from + part.octets;
  const bool odd = part.octets == 0 || (part.more && part.octets % 8 != 0);
  if (odd || end + part.head.size() > kLongestDatagram || part.head.size() > kLongestHeader)
    return refused(NotJoined::Malformed);
  if (part.payload.size() < part.octets) return refused(NotJoined::Cut);
  if (datagram.total != 0 && (end > datagram.total || (!part.more && end != datagram.total)))
    return refused(NotJoined::Overlapping);

  std::vector<Piece>& pieces = datagram.pieces;
  const auto behind = std::upper_bound(pieces.begin(), pieces.end(), part.from,
                                       [](uint32_t from, const Piece& piece) { return from < piece.from; });
  if (behind != pieces.begin()) {
    const Piece& before = *std::prev(behind);
    if (before.from == part.from && before.size == part.octets) {  // once more: fine when it says the same
      if (std::equal(part.payload.begin(), part.payload.end(), datagram.bytes.begin() + before.at)) return true;
      return refused(NotJoined::Overlapping);
    }
    if (before.from + before.size > part.from) return refused(NotJoined::Overlapping);
  }
  if (behind != pieces.end() && (end > behind->from || !part.more)) return refused(NotJoined::Overlapping);
  if (pieces.size() == kMostPieces) return refused(NotJoined::TooMany);

  const size_t head = part.from == 0 ? part.head.size() : 0;
  make_room(part.octets + head, datagram);
  if (head > 0) datagram.head.assign(part.head.begin(), part.head.end());
  if (!part.more) datagram.total = end;
  pieces.insert(behind, {part.from, part.octets, static_cast<uint32_t>(datagram.bytes.size())});
  datagram.bytes.insert(datagram.bytes.end(), part.payload.begin(), part.payload.end());
  datagram.held += part.octets;
  bytes_ += part.octets + head;
  counters_.held_bytes.set(bytes_);
  return true;
}

/// The datagram as it was before it was divided, in whole_. False when its header makes it too long.
bool IpReassembly::make_whole(const Datagram& datagram) {
  const size_t header = datagram.head.size();
  if (header + datagram.total > kLongestDatagram) return false;
  whole_.assign(datagram.head.begin(), datagram.head.end());
  for (const Piece& piece : datagram.pieces) {
    const auto from = datagram.bytes.begin() + piece.at;
    whole_.insert(whole_.end(), from, from + piece.size);
  }
  if (datagram.id.version == 4) {
    store_be16(&whole_[2], static_cast<uint32_t>(whole_.size()));
    store_be16(&whole_[6], 0);
    store_be16(&whole_[10], 0);
    const uint16_t checksum = internet_checksum(Bytes(whole_).first(header));
    std::memcpy(&whole_[10], &checksum, sizeof checksum);
    return true;
  }
  store_be16(&whole_[4], static_cast<uint32_t>(whole_.size() - 40));
  size_t names_next = 6;  // where the header before the fragment header names it
  for (size_t at = 40; at < header; at += (whole_[at + 1] + size_t{1}) * 8) names_next = at;
  whole_[names_next] = datagram.id.protocol;
  return true;
}

bool IpReassembly::decode_whole(const Packet& last, Packet& joined) {
  microcloud::Counters<Anomaly> anomalies;  // of the fragments, they have been counted
  const FrameBytes frame{.captured = whole_, .length = static_cast<uint32_t>(whole_.size()), .verify_transport = false};
  joined = Packet{};
  if (decode(FirstHeader::Ip, frame, joined, anomalies) != Ignored::kCount) {
    counters_.lost.add(NotJoined::Unreadable);
    return false;
  }
  joined.time_us = last.time_us;
  joined.tick_ms = last.tick_ms;
  joined.port = last.port;
  joined.outgoing = last.outgoing;
  return true;
}

bool IpReassembly::add(const Packet& fragment, Bytes frame, Packet& joined) {
  if (!add_one(fragment, frame, joined)) return false;
  // What a tunnel's datagram carries may itself be a fragment.
  for (int depth = 1; joined.fragment != FragmentPart::Whole; ++depth) {
    if (depth == kMostNested) {
      counters_.lost.add(NotJoined::Unreadable);
      return false;
    }
    const std::vector<uint8_t> outer = whole_;
    const Packet inner = joined;
    if (!add_one(inner, outer, joined)) return false;
  }
  return true;
}

bool IpReassembly::add_one(const Packet& fragment, Bytes frame, Packet& joined) {
  Part part;
  if (!read_part(fragment, frame, part)) {
    counters_.lost.add(NotJoined::Unreadable);
    return false;
  }
  const auto datagram = datagram_of(part.id, fragment.tick_ms);
  if (datagram->refused || !place(*datagram, part)) return false;
  if (datagram->total == 0 || datagram->held != datagram->total) return false;
  if (!make_whole(*datagram)) {
    refuse(*datagram, NotJoined::Malformed);
    return false;
  }
  forget(datagram);
  if (!decode_whole(fragment, joined)) return false;
  counters_.joined.add();
  return true;
}

void IpReassembly::expire(uint32_t tick_ms) {
  while (!by_age_.empty() && tick_ms - by_age_.front().tick_ms >= kTimeoutMs) {
    if (!by_age_.front().refused) counters_.lost.add(NotJoined::TimedOut);
    forget(by_age_.begin());
  }
}

void IpReassembly::finish() {
  while (!by_age_.empty()) {
    if (!by_age_.front().refused) counters_.lost.add(NotJoined::TimedOut);
    forget(by_age_.begin());
  }
}

}  // namespace microcloud
