// Headers of the link types of capture files, and layer 2: Ethernet, tags, labels, PPP.
#include "tools/packet_builder.h"
#include "tools/packet_layer.h"

namespace microcloud::tools {

namespace {

constexpr uint16_t kArphrdEther = 1;
constexpr uint32_t kBsdAfInet = 2;
constexpr uint16_t kEtherIpv6 = 0x86dd;
constexpr uint16_t kEtherMpls = 0x8847;
constexpr Names kEthernet{.ethertype = 0x6558, .ip_protocol = 143};

void prepend_sll(Draft& draft, uint16_t packet_type, const AddrMac& source) {
  Writer header;
  header.u16(packet_type).u16(kArphrdEther).u16(6).bytes(source.bytes).u16(0).u16(draft.names.ethertype);
  draft.prepend(header, {});
}

uint16_t swapped(size_t value) {
  return __builtin_bswap16(static_cast<uint16_t>(value));
}

}  // namespace

Packet& Packet::sll(uint16_t packet_type, const AddrMac& source) {
  return add([packet_type, source](Draft& draft) { prepend_sll(draft, packet_type, source); });
}

Packet& Packet::sll2(uint16_t packet_type, const AddrMac& source) {
  return add([packet_type, source](Draft& draft) {
    constexpr uint32_t kInterfaceIndex = 2;
    Writer header;
    header.u16(draft.names.ethertype).u16(0).u32(kInterfaceIndex).u16(kArphrdEther).u8(packet_type).u8(6);
    draft.prepend(header.bytes(source.bytes).u16(0), {});
  });
}

Packet& Packet::bsd_null(uint32_t ipv6_family, bool big_endian) {
  return add([ipv6_family, big_endian](Draft& draft) {
    const uint32_t family = draft.names.ethertype == kEtherIpv6 ? ipv6_family : kBsdAfInet;
    draft.prepend(Writer().u32(big_endian ? family : __builtin_bswap32(family)), {});
  });
}

Packet& Packet::nflog(const NflogOptions& o) {
  return add([o](Draft& draft) {
    constexpr uint16_t kPacketHeader = 1, kPayload = 9, kPrefix = 10;
    constexpr uint8_t kAfInet = 2, kAfInet6 = 10;
    // Attribute lengths and types are in the byte order of the host that captured: little-endian here.
    Writer header;
    header.u8(draft.names.ethertype == kEtherIpv6 ? kAfInet6 : kAfInet).u8(0).u16(5);
    header.u16(swapped(8)).u16(swapped(kPacketHeader)).u16(draft.names.ethertype).u8(3).u8(0);
    if (!o.prefix.empty()) {
      header.u16(swapped(5 + o.prefix.size())).u16(swapped(kPrefix)).text(o.prefix).u8(0).align(4);
    }
    header.u16(swapped(4 + draft.bytes.size())).u16(swapped(kPayload));
    draft.bytes.resize((draft.bytes.size() + 3) / 4 * 4);
    draft.prepend(header, {});
  });
}

Packet& Packet::radiotap() {
  return add([](Draft& draft) {
    constexpr uint8_t kRate6Mbit = 12;
    // Version, length 9 and the present bits, little-endian: rate only.
    draft.prepend(Writer().u16(0).u16(swapped(9)).u32(0x04000000).u8(kRate6Mbit), {});
  });
}

Packet& Packet::wlan_data(const AddrMac& source, const AddrMac& destination, bool qos) {
  return add([source, destination, qos](Draft& draft) {
    constexpr uint8_t kData = 0x08, kQosData = 0x88, kToDs = 0x01;
    const AddrMac access_point = "02:00:00:00:00:a9";
    Writer header;
    header.u8(qos ? kQosData : kData).u8(kToDs).u16(0).bytes(access_point.bytes).bytes(source.bytes);
    header.bytes(destination.bytes).u16(0);
    if (qos) header.u16(0);
    draft.prepend(header, {});
  });
}

Packet& Packet::eth(const AddrMac& source, const AddrMac& destination, const EthOptions& o) {
  return add([source, destination, o](Draft& draft) {
    const auto type = o.length ? static_cast<uint16_t>(draft.bytes.size()) : draft.names.ethertype;
    Writer header;
    header.bytes(destination.bytes).bytes(source.bytes).u16(o.ethertype.value_or(type));
    draft.prepend(header, kEthernet);
    if (draft.bytes.size() < o.pad_to) draft.bytes.resize(o.pad_to);
  });
}

Packet& Packet::llc_snap() {
  return add([](Draft& draft) { draft.prepend(Writer().u24(0xaaaa03).u24(0).u16(draft.names.ethertype), {}); });
}

Packet& Packet::vlan(uint16_t id, const VlanOptions& o) {
  return add([id, o](Draft& draft) {
    const unsigned tag = static_cast<unsigned>(o.priority) << 13 | id;
    draft.prepend(Writer().u16(tag).u16(o.ethertype.value_or(draft.names.ethertype)), {.ethertype = o.tpid});
  });
}

Packet& Packet::mpls(uint32_t label, const MplsOptions& o) {
  return add([label, o](Draft& draft) {
    constexpr uint8_t kMplsInIp = 137;
    constexpr uint16_t kPppMpls = 0x0281;
    const bool bottom = o.bottom.value_or(draft.names.ethertype != kEtherMpls);
    const uint32_t entry = label << 12 | static_cast<uint32_t>(o.traffic_class) << 9 | (bottom ? 0x100U : 0U) | o.ttl;
    draft.prepend(Writer().u32(entry), {.ethertype = kEtherMpls, .ip_protocol = kMplsInIp, .ppp = kPppMpls});
  });
}

Packet& Packet::control_word(uint16_t sequence) {
  return add([sequence](Draft& draft) { draft.prepend(Writer().u32(sequence), {}); });
}

void Draft::ensure_ppp() {
  if (!ppp_inside) prepend(Writer().u16(names.ppp), {});
}

Packet& Packet::pppoe(uint16_t session, uint8_t code) {
  return add([session, code](Draft& draft) {
    constexpr uint16_t kDiscovery = 0x8863, kSession = 0x8864;
    if (code == 0) draft.ensure_ppp();
    Writer header;
    header.u8(0x11).u8(code).u16(session).u16(static_cast<unsigned>(draft.bytes.size()));
    draft.prepend(header, {.ethertype = code == 0 ? kSession : kDiscovery});
  });
}

Packet& Packet::ppp(const PppOptions& o) {
  return add([o](Draft& draft) {
    const uint16_t protocol = o.protocol.value_or(draft.names.ppp);
    Writer header;
    if (o.address_control) header.u16(0xff03);
    if (o.compressed) {
      header.u8(protocol);
    } else {
      header.u16(protocol);
    }
    draft.prepend(header, {.ethertype = 0x880b});
    draft.ppp_inside = true;
  });
}

}  // namespace microcloud::tools
