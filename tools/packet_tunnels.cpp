// Tunnel headers: GRE and what it carries, Mobile IP, GTP-U, VXLAN, GENEVE, L2TP, Teredo.
#include "tools/packet_builder.h"
#include "tools/packet_layer.h"

namespace microcloud::tools {

namespace {

constexpr uint8_t kProtocolGre = 47, kProtocolMobile = 55, kProtocolL2tp = 115;
constexpr uint16_t kGreChecksum = 0x8000, kGreKey = 0x2000, kGreSequence = 0x1000;

}  // namespace

// RFC 2784, 2890.
Packet& Packet::gre(const GreOptions& o) {
  return add([o](Draft& draft) {
    const unsigned flags = (o.checksum ? kGreChecksum : 0U) | (o.key ? kGreKey : 0U) | (o.sequence ? kGreSequence : 0U);
    Writer header;
    header.u16(flags).u16(o.protocol.value_or(draft.names.ethertype));
    if (o.checksum) header.u32(0);
    if (o.key) header.u32(*o.key);
    if (o.sequence) header.u32(*o.sequence);
    draft.prepend(header, {.ip_protocol = kProtocolGre});
    if (o.checksum) draft.set_checksum(4, draft.bytes.size(), false);
  });
}

// RFC 2637: version 1, the key holds payload length and call.
Packet& Packet::pptp_gre(uint16_t call_id, const PptpOptions& o) {
  return add([call_id, o](Draft& draft) {
    constexpr uint16_t kVersion1 = 1, kAcknowledges = 0x80, kProtocolPpp = 0x880b;
    if (o.sequence) draft.ensure_ppp();
    const unsigned flags = kGreKey | (o.sequence ? kGreSequence : 0U) | (o.ack ? kAcknowledges : 0U) | kVersion1;
    Writer header;
    header.u16(flags).u16(kProtocolPpp).u16(static_cast<unsigned>(draft.bytes.size())).u16(call_id);
    if (o.sequence) header.u32(*o.sequence);
    if (o.ack) header.u32(*o.ack);
    draft.prepend(header, {.ip_protocol = kProtocolGre});
  });
}

// draft-foschiano-erspan: type I has no header, only GRE's protocol number.
Packet& Packet::erspan1() {
  return add([](Draft& draft) { draft.prepend({}, {.ethertype = 0x88be}); });
}

Packet& Packet::erspan2(uint16_t session, const ErspanOptions& o) {
  return add([session, o](Draft& draft) {
    constexpr uint16_t kVersion = 0x1000, kTagKept = 0x1800;
    draft.prepend(Writer().u16(kVersion | o.vlan).u16(kTagKept | session).u32(o.index), {.ethertype = 0x88be});
  });
}

Packet& Packet::erspan3(uint16_t session, const ErspanOptions& o) {
  return add([session, o](Draft& draft) {
    constexpr uint16_t kVersion = 0x2000;
    Writer header;
    header.u16(kVersion | o.vlan).u16(session).u32(o.timestamp).u16(0).u16(o.sub ? 1 : 0);
    if (o.sub) header.u64(*o.sub);
    draft.prepend(header, {.ethertype = 0x22eb});
  });
}

// RFC 2004: the inner IP header shrinks to its protocol and addresses.
Packet& Packet::mobileip(const Addr4& source, const Addr4& destination, bool with_source) {
  return add([source, destination, with_source](Draft& draft) {
    constexpr uint8_t kSourcePresent = 0x80;
    draft.resolve_checksum(source.bytes, destination.bytes);
    Writer header;
    header.u8(draft.names.ip_protocol).u8(with_source ? kSourcePresent : 0).u16(0).bytes(destination.bytes);
    if (with_source) header.bytes(source.bytes);
    draft.prepend(header, {.ip_protocol = kProtocolMobile});
    draft.set_checksum(2, header.size(), false);
  });
}

// 3GPP TS 29.281.
Packet& Packet::gtpu(uint32_t teid, const GtpuOptions& o) {
  return add([teid, o](Draft& draft) {
    constexpr uint8_t kVersion1 = 0x30, kExtension = 4, kSequence = 2, kNpdu = 1;
    Writer optional;
    const unsigned flags =
        (o.extensions.empty() ? 0U : kExtension) | (o.sequence ? kSequence : 0U) | (o.npdu ? kNpdu : 0U);
    if (flags != 0) {
      optional.u16(o.sequence.value_or(0)).u8(o.npdu.value_or(0));
      for (const GtpExtension& extension : o.extensions) {
        const size_t words = (extension.content.size() + 2 + 3) / 4;
        optional.u8(extension.type).u8(static_cast<unsigned>(words)).bytes(extension.content);
        optional.zeros(words * 4 - 2 - extension.content.size());
      }
      optional.u8(0);
    }
    Writer header;
    header.u8(kVersion1 | flags).u8(o.message).u16(static_cast<unsigned>(optional.size() + draft.bytes.size()));
    draft.prepend(header.u32(teid).bytes(optional.out()), {});
  });
}

// RFC 7348; with a protocol number the generic extension (draft-ietf-nvo3-vxlan-gpe).
Packet& Packet::vxlan(uint32_t vni, const VxlanOptions& o) {
  return add([vni, o](Draft& draft) {
    constexpr uint8_t kVni = 0x08, kNextProtocol = 0x04;
    Writer header;
    header.u8(kVni | (o.gpe_protocol ? kNextProtocol : 0U)).u16(0).u8(o.gpe_protocol.value_or(0)).u24(vni).u8(0);
    draft.prepend(header, {});
  });
}

// RFC 8926.
Packet& Packet::geneve(uint32_t vni, const GeneveOptions& o) {
  return add([vni, o](Draft& draft) {
    Writer options;
    for (const GeneveOption& option : o.options) {
      const size_t words = (option.data.size() + 3) / 4;
      options.u16(option.option_class).u8(option.type).u8(static_cast<unsigned>(words)).bytes(option.data).align(4);
    }
    Writer header;
    header.u8(static_cast<unsigned>(options.size() / 4)).u8(0).u16(o.protocol.value_or(draft.names.ethertype));
    draft.prepend(header.u24(vni).u8(0).bytes(options.out()), {});
  });
}

// RFC 2661.
Packet& Packet::l2tp(uint16_t tunnel, uint16_t session, const L2tpOptions& o) {
  return add([tunnel, session, o](Draft& draft) {
    constexpr uint16_t kControl = 0x8000, kLength = 0x4000, kSequence = 0x0800, kOffset = 0x0200, kVersion2 = 2;
    if (!o.control) draft.ensure_ppp();
    const bool sequenced = o.ns || o.nr;
    const unsigned flags = (o.control ? kControl : 0U) | (o.length ? kLength : 0U) | (sequenced ? kSequence : 0U) |
                           (o.offset ? kOffset : 0U) | kVersion2;
    Writer rest;
    rest.u16(tunnel).u16(session);
    if (sequenced) rest.u16(o.ns.value_or(0)).u16(o.nr.value_or(0));
    if (o.offset) rest.u16(*o.offset).zeros(*o.offset);
    Writer header;
    header.u16(flags);
    if (o.length) header.u16(static_cast<unsigned>(4 + rest.size() + draft.bytes.size()));
    draft.prepend(header.bytes(rest.out()), {});
  });
}

// RFC 3931, section 4.1.1.
Packet& Packet::l2tpv3(uint32_t session, const Blob& cookie) {
  return add([session, cookie](Draft& draft) {
    draft.prepend(Writer().u32(session).bytes(cookie), {.ip_protocol = kProtocolL2tp});
  });
}

// RFC 4380, section 5.1.1: the indications before the IPv6 packet.
Packet& Packet::teredo(const TeredoOptions& o) {
  return add([o](Draft& draft) {
    Writer header;
    if (o.authentication) header.u16(1).u8(0).u8(0).u64(0x0123456789abcdef).u8(0);
    if (o.origin_port) {
      header.u16(0).u16(static_cast<unsigned>(~*o.origin_port & 0xffff));
      for (const uint8_t byte : o.origin_address.bytes) header.u8(static_cast<unsigned>(~byte & 0xff));
    }
    draft.prepend(header, {});
  });
}

}  // namespace microcloud::tools
