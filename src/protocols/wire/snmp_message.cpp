#include "protocols/wire/snmp_message.h"

#include <algorithm>

namespace microcloud {
namespace {

constexpr uint8_t kIpAddress = 0x40, kTimeTicks = 0x43;  // RFC 2578, section 2
constexpr uint8_t kPrivacy = 2;                          // in msgFlags: what follows is encrypted
constexpr int64_t kUserBased = 3;                        // msgSecurityModel (RFC 3411, section 5)
constexpr size_t kMostOfCommunity = 255;

bool read(Cursor& in, uint8_t tag, BerElement& element) {
  return read_ber(in, element) && element.tag == tag;
}

/// A number of at most 32 bits (RFC 2578, 7.1.1).
bool read_number(Cursor& in, std::optional<int32_t>& number) {
  BerElement element;
  if (!read(in, ber_tag::kInteger, element) || !element.whole || element.content.size() > 4) return false;
  const std::optional<int64_t> value = ber_integer(element.content);
  if (value) number = static_cast<int32_t>(*value);
  return value.has_value();
}

bool read_number(Cursor& in, std::optional<int64_t>& number) {
  BerElement element;
  if (!read(in, ber_tag::kInteger, element) || !element.whole) return false;
  number = ber_integer(element.content);
  return number.has_value();
}

/// The list of bindings ends the PDU, whatever is in it.
bool read_bindings(Cursor& in, SnmpMessage& message) {
  BerElement bindings;
  if (!read(in, ber_tag::kSequence, bindings)) return false;
  message.bindings = bindings.content;
  return bindings.whole && in.left() == 0;
}

bool read_trap_v1(Cursor& in, SnmpMessage& message) {
  BerElement element;
  if (!read(in, ber_tag::kOid, element) || !element.whole) return false;
  message.enterprise = element.content;
  return read(in, kIpAddress, element) && element.whole && read_number(in, message.generic_trap) &&
         read_number(in, message.specific_trap) && read(in, kTimeTicks, element) && element.whole &&
         read_bindings(in, message);
}

bool is_pdu(uint8_t tag, uint8_t version) {
  const auto type = static_cast<uint8_t>(tag & ~ber_tag::context(0));
  if (tag != ber_tag::context(type) || type > snmp_pdu::kReport) return false;
  return version == snmp_version::k1 ? type <= snmp_pdu::kTrapV1 : type != snmp_pdu::kTrapV1;
}

/// False: there is none. What is wrong inside is told by `message.whole`.
bool read_pdu(Cursor& in, SnmpMessage& message) {
  BerElement pdu;
  if (!read_ber(in, pdu) || !is_pdu(pdu.tag, message.version)) return false;
  message.pdu = static_cast<uint8_t>(pdu.tag & ~ber_tag::context(0));
  const bool last = in.left() == 0;
  Cursor inside(pdu.content);
  const bool good = message.pdu == snmp_pdu::kTrapV1
                        ? read_trap_v1(inside, message)
                        : read_number(inside, message.request_id) && read_number(inside, message.error_status) &&
                              read_number(inside, message.error_index) && read_bindings(inside, message);
  message.whole = good && last && pdu.whole;
  return true;
}

bool read_community(Cursor& in, SnmpMessage& message) {
  BerElement community;
  if (!read(in, ber_tag::kOctetString, community) || !community.whole || community.content.size() > kMostOfCommunity)
    return false;
  message.community = community.content;
  return read_pdu(in, message);
}

/// UsmSecurityParameters (RFC 3414, 2.4); of other models nothing is known.
bool read_user(Bytes parameters, SnmpMessage& message) {
  Cursor in(parameters);
  BerElement all, element;
  if (!read(in, ber_tag::kSequence, all)) return false;
  Cursor inside(all.content);
  std::optional<int32_t> number;  // engine's boots, engine's time
  if (!read(inside, ber_tag::kOctetString, element) || !read_number(inside, number) || !read_number(inside, number))
    return false;
  if (!read(inside, ber_tag::kOctetString, element) || !element.whole) return false;
  message.user = element.content;
  return true;
}

bool read_v3(Cursor& in, SnmpMessage& message) {
  BerElement header, element;
  if (!read(in, ber_tag::kSequence, header) || !header.whole) return false;
  Cursor inside(header.content);
  std::optional<int32_t> number;
  if (!read_number(inside, message.message_id) || !read_number(inside, number)) return false;
  if (!read(inside, ber_tag::kOctetString, element) || element.content.size() != 1) return false;
  message.flags = element.content.front();
  std::optional<int32_t> model;
  if (!read_number(inside, model)) return false;
  if (!read(in, ber_tag::kOctetString, element)) return false;
  const bool model_read = model != kUserBased || read_user(element.content, message);
  if (!element.whole) return true;
  if (!read_ber(in, element)) return true;
  if ((message.flags & kPrivacy) != 0 && element.tag == ber_tag::kOctetString) {
    message.encrypted = true;
    message.whole = model_read && element.whole && in.left() == 0;
    return true;
  }
  if (element.tag != ber_tag::kSequence) return false;
  const bool scoped_whole = element.whole && in.left() == 0;
  Cursor scoped(element.content);
  if (!read(scoped, ber_tag::kOctetString, element)) return true;  // contextEngineID
  if (!read(scoped, ber_tag::kOctetString, element)) return true;  // contextName
  if (!read_pdu(scoped, message)) return true;
  message.whole = message.whole && scoped_whole && model_read;
  return true;
}

}  // namespace

bool read_snmp_message(Bytes datagram, uint32_t octets, SnmpMessage& message) {
  message = {};
  Cursor in(datagram);
  if (in.peek() != ber_tag::kSequence) return false;
  BerElement all;
  if (!read_ber(in, all)) return false;
  const bool cut = datagram.size() < octets;
  if (!all.whole && !cut) return false;
  message.left_over = static_cast<uint32_t>(in.left());
  Cursor inside(all.content);
  std::optional<int32_t> version;
  if (!read_number(inside, version)) return false;
  if (version != snmp_version::k1 && version != snmp_version::k2c && version != snmp_version::k3) return false;
  message.version = static_cast<uint8_t>(*version);
  const bool read_on = message.version == snmp_version::k3 ? read_v3(inside, message) : read_community(inside, message);
  if (!read_on && !(cut && message.community)) return false;
  message.whole = message.whole && all.whole;
  return true;
}

}  // namespace microcloud
