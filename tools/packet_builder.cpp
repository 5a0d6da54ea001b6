// The builder itself, IP with its extension headers (RFC 791, 8200) and the transports.
#include "tools/packet_builder.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstdio>
#include <stdexcept>
#include <utility>

#include "tools/packet_layer.h"

namespace microcloud::tools {

namespace {

constexpr Names kIpv4{.ethertype = 0x0800, .ip_protocol = 4, .ppp = 0x0021};
constexpr Names kIpv6{.ethertype = 0x86dd, .ip_protocol = 41, .ppp = 0x0057};
constexpr Names protocol(uint8_t number) {
  return {.ip_protocol = number};
}

Bytes text_bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

uint32_t crc32c(Bytes bytes) {
  uint32_t crc = ~0U;
  for (const uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (0x82f63b78U & (0U - (crc & 1U)));
  }
  return ~crc;
}

/// An IPv6 extension header: next header, length in 8-byte units beyond the first, content.
void prepend_extension(Draft& draft, uint8_t number, Bytes content) {
  const size_t units = (2 + content.size() + 7) / 8;
  Writer header;
  header.u8(draft.names.ip_protocol).u8(static_cast<unsigned>(units - 1)).bytes(content);
  // What is left of the header is one PadN option, or Pad1.
  const size_t padding = units * 8 - header.size();
  if (padding == 1) header.u8(0);
  if (padding > 1) header.u8(1).u8(static_cast<unsigned>(padding - 2)).zeros(padding - 2);
  draft.prepend(header, protocol(number));
}

}  // namespace

Addr4::Addr4(const std::string& text) {
  if (inet_pton(AF_INET, text.c_str(), bytes.data()) != 1) throw std::invalid_argument("no IPv4 address: " + text);
}

Addr6::Addr6(const std::string& text) {
  if (inet_pton(AF_INET6, text.c_str(), bytes.data()) != 1) throw std::invalid_argument("no IPv6 address: " + text);
}

AddrMac::AddrMac(const std::string& text) {
  auto& b = bytes;
  if (std::sscanf(text.c_str(), "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]) != 6) {
    throw std::invalid_argument("no MAC address: " + text);
  }
}

uint32_t internet_sum(Bytes bytes, uint32_t sum) {
  for (size_t at = 0; at + 1 < bytes.size(); at += 2) sum += load_be16(&bytes[at]);
  if (bytes.size() % 2 != 0) sum += static_cast<uint32_t>(bytes.back()) << 8;
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

void Draft::set_checksum(size_t at, size_t count, bool wrong) {
  const uint32_t right = ~internet_sum(Bytes(bytes).first(count)) & 0xffff;
  set_u16(at, wrong ? right ^ 0x5555 : right);
}

void Draft::resolve_checksum(Bytes source, Bytes destination) {
  if (!pending) return;
  if (!final_destination.empty()) destination = final_destination;
  Writer pseudo;
  pseudo.bytes(source).bytes(destination).u32(static_cast<uint32_t>(pending->segment)).u32(pending->protocol);
  const uint32_t sum = internet_sum(Bytes(bytes).last(pending->segment), internet_sum(pseudo.out()));
  uint32_t right = ~sum & 0xffff;
  if (right == 0 && pending->protocol == IPPROTO_UDP) right = 0xffff;
  set_u16(bytes.size() - pending->field, pending->wrong ? right ^ 0x5555 : right);
  pending.reset();
  final_destination.clear();
}

Packet& Packet::add(Layer layer) {
  layers_.push_back(std::move(layer));
  return *this;
}

Packet& Packet::append(const Packet& inner) {
  layers_.insert(layers_.end(), inner.layers_.begin(), inner.layers_.end());
  return *this;
}

Packet& Packet::cut(size_t captured) {
  cut_ = captured;
  return *this;
}

Packet& Packet::payload(const Blob& bytes) {
  return add([bytes](Draft& draft) { draft.bytes.insert(draft.bytes.begin(), bytes.begin(), bytes.end()); });
}

Packet& Packet::payload(std::string_view text) {
  const Bytes bytes = text_bytes(text);
  return payload(Blob(bytes.begin(), bytes.end()));
}

Blob Packet::whole() const {
  Draft draft;
  for (auto layer = layers_.rbegin(); layer != layers_.rend(); ++layer) (*layer)(draft);
  return std::move(draft.bytes);
}

Blob Packet::bytes() const {
  Blob bytes = whole();
  if (cut_ && *cut_ < bytes.size()) bytes.resize(*cut_);
  return bytes;
}

Packet& Packet::ipv4(const Addr4& source, const Addr4& destination, const Ipv4Options& o) {
  return add([source, destination, o](Draft& draft) {
    draft.resolve_checksum(source.bytes, destination.bytes);
    Blob options = o.options;
    options.resize((options.size() + 3) / 4 * 4);
    const size_t size = 20 + options.size();
    const unsigned flags = (o.dont_fragment ? 0x4000U : 0U) | (o.more_fragments ? 0x2000U : 0U);
    Writer header;
    header
        .u8(static_cast<unsigned>(o.version.value_or(4)) << 4 | o.header_words.value_or(static_cast<uint8_t>(size / 4)))
        .u8(o.tos);
    header.u16(o.total_length.value_or(static_cast<uint16_t>(size + draft.bytes.size()))).u16(o.id);
    header.u16(flags | o.offset / 8U).u8(o.ttl).u8(o.protocol.value_or(draft.names.ip_protocol)).u16(0);
    header.bytes(source.bytes).bytes(destination.bytes).bytes(options);
    draft.prepend(header, kIpv4);
    draft.set_checksum(10, size, o.bad_checksum);
  });
}

Packet& Packet::ipv6(const Addr6& source, const Addr6& destination, const Ipv6Options& o) {
  return add([source, destination, o](Draft& draft) {
    draft.resolve_checksum(source.bytes, destination.bytes);
    Writer header;
    header.u32(6U << 28 | static_cast<uint32_t>(o.traffic_class) << 20 | o.flow_label);
    header.u16(o.payload_length.value_or(static_cast<uint16_t>(draft.bytes.size())));
    header.u8(o.next_header.value_or(draft.names.ip_protocol)).u8(o.hop_limit);
    header.bytes(source.bytes).bytes(destination.bytes);
    draft.prepend(header, kIpv6);
  });
}

Packet& Packet::hop_by_hop(const Blob& options) {
  return add([options](Draft& draft) { prepend_extension(draft, IPPROTO_HOPOPTS, options); });
}

Packet& Packet::destination_options(const Blob& options) {
  return add([options](Draft& draft) { prepend_extension(draft, IPPROTO_DSTOPTS, options); });
}

Packet& Packet::routing(uint8_t type, uint8_t segments_left, const std::vector<Addr6>& addresses) {
  return add([type, segments_left, addresses](Draft& draft) {
    constexpr uint8_t kSegmentRouting = 4;  // RFC 8754: lists its segments from the last one
    Writer content;
    content.u8(type).u8(segments_left);
    content.u32(type == kSegmentRouting ? static_cast<uint32_t>(addresses.size() - 1) << 24 : 0);
    for (const Addr6& address : addresses) content.bytes(address.bytes);
    if (segments_left > 0) {
      const Addr6& last = type == kSegmentRouting ? addresses.front() : addresses.back();
      draft.final_destination.assign(last.bytes.begin(), last.bytes.end());
    }
    prepend_extension(draft, IPPROTO_ROUTING, content.out());
  });
}

Packet& Packet::ipv6_fragment(uint32_t id, const Ipv6FragmentOptions& o) {
  return add([id, o](Draft& draft) {
    Writer header;
    header.u8(o.next_header.value_or(draft.names.ip_protocol)).u8(0).u16(o.offset | (o.more ? 1U : 0U)).u32(id);
    draft.prepend(header, protocol(IPPROTO_FRAGMENT));
  });
}

Packet& Packet::ah(uint32_t spi, uint32_t sequence, const Blob& icv) {
  return add([spi, sequence, icv](Draft& draft) {
    Writer header;
    header.u8(draft.names.ip_protocol).u8(static_cast<unsigned>(icv.size() / 4 + 1)).u16(0).u32(spi).u32(sequence);
    draft.prepend(header.bytes(icv), protocol(IPPROTO_AH));
  });
}

Packet& Packet::udp(uint16_t source, uint16_t destination, const UdpOptions& o) {
  return add([source, destination, o](Draft& draft) {
    const size_t size = 8 + draft.bytes.size();
    Writer header;
    header.u16(source).u16(destination).u16(o.length.value_or(static_cast<uint16_t>(size))).u16(0);
    draft.prepend(header, protocol(IPPROTO_UDP));
    if (!o.no_checksum) draft.pending = PendingChecksum{size, size - 6, IPPROTO_UDP, o.bad_checksum};
  });
}

Packet& Packet::tcp(uint16_t source, uint16_t destination, const TcpOptions& o) {
  return add([source, destination, o](Draft& draft) {
    Blob options = o.options;
    options.resize((options.size() + 3) / 4 * 4);
    const unsigned words = o.header_words.value_or(static_cast<uint8_t>(5 + options.size() / 4));
    Writer header;
    header.u16(source).u16(destination).u32(o.seq).u32(o.ack).u8(words << 4).u8(o.flags);
    header.u16(o.window).u16(0).u16(o.urgent).bytes(options);
    draft.prepend(header, protocol(IPPROTO_TCP));
    draft.pending = PendingChecksum{draft.bytes.size(), draft.bytes.size() - 16, IPPROTO_TCP, o.bad_checksum};
  });
}

Packet& Packet::icmp(uint8_t type, uint8_t code, const IcmpOptions& o) {
  return add([type, code, o](Draft& draft) {
    draft.prepend(Writer().u8(type).u8(code).u16(0).u32(o.rest), protocol(IPPROTO_ICMP));
    draft.set_checksum(2, draft.bytes.size(), o.bad_checksum);
  });
}

Packet& Packet::icmp6(uint8_t type, uint8_t code, const IcmpOptions& o) {
  return add([type, code, o](Draft& draft) {
    draft.prepend(Writer().u8(type).u8(code).u16(0).u32(o.rest), protocol(IPPROTO_ICMPV6));
    draft.pending = PendingChecksum{draft.bytes.size(), draft.bytes.size() - 2, IPPROTO_ICMPV6, o.bad_checksum};
  });
}

Packet& Packet::sctp(uint16_t source, uint16_t destination, uint32_t tag) {
  return add([source, destination, tag](Draft& draft) {
    draft.prepend(Writer().u16(source).u16(destination).u32(tag).u32(0), protocol(IPPROTO_SCTP));
    const uint32_t crc = __builtin_bswap32(crc32c(draft.bytes));
    draft.set_u16(8, crc >> 16);
    draft.set_u16(10, crc & 0xffff);
  });
}

Packet& Packet::sctp_chunk(uint8_t type, uint8_t flags, const Blob& body) {
  return add([type, flags, body](Draft& draft) {
    Writer chunk;
    chunk.u8(type).u8(flags).u16(static_cast<unsigned>(4 + body.size())).bytes(body).align(4);
    draft.prepend(chunk, {});
  });
}

Packet& Packet::sctp_data(uint32_t tsn, const SctpDataOptions& o) {
  return add([tsn, o](Draft& draft) {
    Writer chunk;
    chunk.u8(0).u8(o.flags).u16(static_cast<unsigned>(16 + draft.bytes.size())).u32(tsn);
    chunk.u16(o.stream).u16(o.sequence).u32(o.payload_protocol);
    draft.bytes.resize((draft.bytes.size() + 3) / 4 * 4);
    draft.prepend(chunk, {});
  });
}

std::vector<Packet> fragments(const Packet& ip, size_t size, uint32_t id) {
  const Blob whole = ip.bytes();
  const bool is_v4 = whole[0] >> 4 == 4;
  const Bytes data = Bytes(whole).subspan(is_v4 ? 20 : 40);
  const auto address = [&](auto value, size_t at) {
    std::copy_n(whole.begin() + static_cast<std::ptrdiff_t>(at), value.bytes.size(), value.bytes.begin());
    return value;
  };
  std::vector<Packet> all;
  for (size_t at = 0; at < data.size(); at += size) {
    const Bytes part = data.subspan(at, std::min(size, data.size() - at));
    const bool more = at + size < data.size();
    const auto offset = static_cast<uint16_t>(at);
    Packet& fragment = all.emplace_back();
    if (is_v4) {
      const Ipv4Options options{.ttl = whole[8],
                                .tos = whole[1],
                                .id = static_cast<uint16_t>(id),
                                .more_fragments = more,
                                .offset = offset,
                                .protocol = whole[9]};
      fragment.ipv4(address(Ipv4{}, 12), address(Ipv4{}, 16), options);
    } else {
      fragment.ipv6(address(Ipv6{}, 8), address(Ipv6{}, 24), {.hop_limit = whole[7]});
      fragment.ipv6_fragment(id, {.offset = offset, .more = more, .next_header = whole[6]});
    }
    fragment.payload(Blob(part.begin(), part.end()));
  }
  return all;
}

}  // namespace microcloud::tools
