// DHCP for IPv4 (RFC 2131) and IPv6 (RFC 8415) over UDP: one record a message, source is the client's side.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "inspect/parser.h"
#include "protocols/protocols.h"
#include "protocols/wire/dhcp_book.h"
#include "protocols/wire/dhcp_message.h"
#include "protocols/wire/dhcp_record.h"
#include "protocols/wire/dns_message.h"
#include "protocols/wire/usual_ports.h"

namespace microcloud {
namespace {

constexpr uint16_t kPorts4[] = {67, 68};
constexpr uint16_t kPorts6[] = {546, 547};
constexpr uint16_t kPorts[] = {67, 68, 546, 547};
constexpr std::string_view kNdpiNames[] = {"DHCP", "DHCPV6"};
constexpr unsigned kMaxBroken = 8;  // messages in a row that are none: then this is not DHCP

constexpr const RecordType* kRecords[] = {&kDhcpRecordType};

// ---- what both have

template <size_t Size>
void take_text(std::optional<Text<Size>>& to, std::string_view text, Partial& partial) {
  if (to || text.empty()) return;
  to.emplace().assign(text);
  if (text.size() > Size) partial.add("text cut");
}

void take_client_id(DhcpRecord& told, Bytes value) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  for (const uint8_t octet : value) {
    text += kHex[octet >> 4];
    text += kHex[octet & 15U];
  }
  take_text(told.client_id, text, told.partial);
}

/// Labels as DNS has them; there may be no root behind the last one (RFC 4702, 2.3.1; RFC 4704, 4.2).
std::string name_of(Bytes labels) {
  std::string name;
  append_name_text(name, labels);
  return name;
}

// ---- IPv4

void take_fqdn4(DhcpRecord& told, Bytes value, std::optional<std::string>& name) {
  constexpr uint8_t kEncoded = 4;
  constexpr size_t kFlagsOctets = 3;  // flags, two octets of no use
  if (value.size() < kFlagsOctets) return told.partial.add("option malformed");
  const Bytes text = value.subspan(kFlagsOctets);
  name = (value.front() & kEncoded) != 0 ? name_of(text) : std::string(text.begin(), text.end());
}

void take_relay4(DhcpRecord& told, Bytes value) {
  const bool good = for_each_dhcp4_option(value, [&](uint8_t code, Bytes inner) {
    if (code == dhcp4_relay::kCircuit) take_text(told.circuit, readable_text(inner), told.partial);
    if (code == dhcp4_relay::kRemote) take_text(told.remote, readable_text(inner), told.partial);
    if (code == dhcp4_relay::kSubscriber) take_text(told.subscriber, readable_text(inner), told.partial);
  });
  if (!good) told.partial.add("option malformed");
}

/// Trailing zeros, as some clients send them, are no part of a name.
std::string_view host_name(Bytes value) {
  const std::string_view text(static_cast<const char*>(static_cast<const void*>(value.data())), value.size());
  return text.substr(0, text.find('\0'));
}

void tell_dhcp4(DhcpRecord& told, const Dhcp4Message& message, bool cut) {
  using namespace dhcp4_option;
  constexpr uint8_t kEthernet = 1;
  const Ipv4 none;
  std::optional<Ipv4> requested;
  std::optional<std::string> fqdn;
  told.transaction = message.transaction;
  if (message.hardware_type == kEthernet && message.hardware_address.size() == told.mac.emplace().bytes.size()) {
    std::copy(message.hardware_address.begin(), message.hardware_address.end(), told.mac->bytes.begin());
  } else {
    told.mac.reset();
  }
  const bool good = for_each_dhcp4_option(message.options, [&](uint8_t code, Bytes value) {
    const size_t wanted = code == kMessageType ? 1 : code == kRequestedAddress || code == kLeaseTime ? 4 : value.size();
    if (value.size() != wanted) return told.partial.add("option malformed");
    if (code == kMessageType) told.type = value.front();
    if (code == kLeaseTime) told.lease_s = load_be32(value.data());
    if (code == kRequestedAddress) std::copy(value.begin(), value.end(), requested.emplace().bytes.begin());
    if (code == kHostName) take_text(told.host, host_name(value), told.partial);
    if (code == kClientId) take_client_id(told, value);
    if (code == kClientFqdn) take_fqdn4(told, value, fqdn);
    if (code == kRelayAgent) take_relay4(told, value);
  });
  if (!good) told.partial.add(cut ? "message cut" : "option malformed");
  if (fqdn) take_text(told.host, *fqdn, told.partial);
  if (!message.from_client && message.assigned_address != none) told.assigned = message.assigned_address;
  if (message.client_address != none) {
    told.wanted = message.client_address;
  } else if (requested && *requested != none) {
    told.wanted = requested;
  }
}

// ---- IPv6

/// What an identity association holds (RFC 8415, 21.4 to 21.6, 21.21, 21.22). A server takes back what it gives no
/// time.
class Associations {
 public:
  Associations(DhcpRecord& told, bool assigned) : told_(told), assigned_(assigned) {}

  /// `head`: octets before its options.
  void take(Bytes association, size_t head) {
    if (association.size() < head) return malformed();
    const Bytes options = association.subspan(head);
    if (refused(options)) return;
    const bool good = for_each_dhcp6_option(options, [&](uint16_t code, Bytes value) {
      if (code == dhcp6_option::kIaAddress) take_address(value);
      if (code == dhcp6_option::kIaPrefix) take_prefix(value);
    });
    if (!good) malformed();
  }

 private:
  void malformed() { told_.partial.add("option malformed"); }
  static bool refused(Bytes options) {
    bool refused = false;
    for_each_dhcp6_option(options, [&](uint16_t code, Bytes value) {
      if (code == dhcp6_option::kStatus) refused = value.size() < 2 || load_be16(value.data()) != 0;
    });
    return refused;
  }
  void take_address(Bytes value) {
    Cursor in(value);
    const Bytes address = in.bytes(16);
    in.skip(4);  // preferred lifetime
    const uint32_t valid_s = in.u32();
    if (!in.ok()) return malformed();
    if (!refused(in.rest())) tell(address, 128, valid_s);
  }
  void take_prefix(Bytes value) {
    Cursor in(value);
    in.skip(4);
    const uint32_t valid_s = in.u32();
    const unsigned bits = in.u8();
    const Bytes prefix = in.bytes(16);
    if (!in.ok() || bits > 128) return malformed();
    if (!refused(in.rest())) tell(prefix, bits, valid_s);
  }
  void tell(Bytes address, unsigned bits, uint32_t valid_s) {
    if (assigned_ && valid_s == 0) return;
    const std::string text = to_text(IpAddress::v6(address.data())) + "/" + std::to_string(bits);
    if (!(assigned_ ? told_.assigned6 : told_.wanted6).push(text)) told_.partial.add("prefixes cut");
    if (!told_.lease_s && valid_s != 0) told_.lease_s = valid_s;
  }

  DhcpRecord& told_;
  bool assigned_;
};

void take_relayed6(DhcpRecord& told, uint16_t code, Bytes value) {
  using namespace dhcp6_option;
  constexpr size_t kEnterpriseOctets = 4;
  constexpr uint16_t kEthernet = 1;
  if (code == kInterfaceId) take_text(told.circuit, readable_text(value), told.partial);
  if (code == kRemoteId && value.size() >= kEnterpriseOctets)
    take_text(told.remote, readable_text(value.subspan(kEnterpriseOctets)), told.partial);
  if (code == kSubscriberId) take_text(told.subscriber, readable_text(value), told.partial);
  if (code != kClientLinkLayer || value.size() != 8 || load_be16(value.data()) != kEthernet) return;  // RFC 6939
  std::copy(value.begin() + 2, value.end(), told.mac.emplace().bytes.begin());
}

void tell_dhcp6(DhcpRecord& told, const Dhcp6Message& message, bool cut) {
  using namespace dhcp6_option;
  constexpr size_t kIaHead = 12, kIaTaHead = 4;  // identifier and, but for temporary addresses, two times
  told.ipv6 = true;
  told.type = message.type;
  told.transaction = message.transaction;
  Associations associations(told, !message.from_client);
  const bool good = for_each_dhcp6_option(message.options, [&](uint16_t code, Bytes value) {
    if (code == kClientId) take_client_id(told, value);
    if (code == kClientFqdn && !value.empty()) take_text(told.host, name_of(value.subspan(1)), told.partial);
    if (code == kIaNa || code == kIaPd) associations.take(value, kIaHead);
    if (code == kIaTa) associations.take(value, kIaTaHead);
  });
  if (!good) told.partial.add(cut ? "message cut" : "option malformed");
}

// ---- requests and their responses

bool is_response(const DhcpRecord& told) {
  if (told.ipv6) return told.type == dhcp6_type::kAdvertise || told.type == dhcp6_type::kReply;
  return told.type == dhcp4_type::kOffer || told.type == dhcp4_type::kAck || told.type == dhcp4_type::kNak;
}

bool is_request(const DhcpRecord& told, bool from_client) {
  if (told.ipv6) return from_client;
  return told.type == dhcp4_type::kDiscover || told.type == dhcp4_type::kRequest || told.type == dhcp4_type::kInform;
}

bool discovers(const DhcpRecord& told) {
  return !told.ipv6 && (told.type == dhcp4_type::kDiscover || told.type == dhcp4_type::kOffer);
}

// ---- the parser

bool is_ipv6(const Common& flow) {
  return flow.source.version == 6;
}

class DhcpParser final : public Parser {
 public:
  Status on_data(const Segment& segment, Dialogue& dialogue) override {
    DhcpRecord told;
    Exchange exchange;
    const bool good = is_ipv6(dialogue.flow()) ? read6(segment, told, exchange) : read4(segment, told, exchange);
    if (!good) return ++broken_ < kMaxBroken ? Status::More : Status::Malformed;
    broken_ = 0;
    told.observed = to_milliseconds(segment.time_us);
    const bool client_is_initiator = exchange.from_client == segment.from_initiator;
    pair(told, exchange, client_is_initiator, segment.time_us, dialogue);
    told.index = dialogue.next_transaction();
    dialogue.tell(kDhcpRecordType, &told, client_is_initiator);
    return Status::More;
  }
  bool waits() const override { return false; }

 private:
  /// What pairs a message with its request.
  struct Exchange {
    bool from_client = false;
    bool relayed = false;  // IPv6: within a relay's message
    Ipv4 relay;            // IPv4: giaddr, which stands in what the relay sends to the client too
    std::string client;    // IPv4: what kind of hardware address, and which
  };

  static bool read4(const Segment& segment, DhcpRecord& told, Exchange& exchange) {
    Dhcp4Message message;
    if (!read_dhcp4_message(segment.bytes, message)) return false;
    tell_dhcp4(told, message, segment.bytes.size() < segment.octets);
    exchange.from_client = message.from_client;
    exchange.relay = message.relay_address;
    const Bytes hardware = message.hardware_address;
    if (!hardware.empty()) exchange.client = static_cast<char>(message.hardware_type);
    exchange.client.append(hardware.begin(), hardware.end());
    return true;
  }
  static bool read6(const Segment& segment, DhcpRecord& told, Exchange& exchange) {
    Dhcp6Message message;
    const auto take = [&](uint16_t code, Bytes value) { take_relayed6(told, code, value); };
    if (!read_dhcp6_message(segment.bytes, message, take)) return false;
    tell_dhcp6(told, message, segment.bytes.size() < segment.octets);
    exchange.from_client = message.from_client;
    exchange.relayed = message.relayed;
    return true;
  }

  /// The client is who its hardware address says; where it has none (RFC 4390), and for IPv6, its identifier; where it
  /// tells none (RFC 8415, 18.2.6), its address. A request that a relay passed on is another one than the client's own.
  static void pair(DhcpRecord& told, const Exchange& exchange, bool client_is_initiator, int64_t time_us,
                   Dialogue& dialogue) {
    const bool response = is_response(told);
    if (!response && !is_request(told, exchange.from_client)) return;
    const Common& flow = dialogue.flow();
    const IpAddress& near = client_is_initiator ? flow.source : flow.destination;
    const IpAddress& server = client_is_initiator ? flow.destination : flow.source;
    DhcpExchange key{.transaction = told.transaction, .discovers = discovers(told)};
    if (told.ipv6) {
      if (exchange.relayed) key.relay = near;
    } else if (exchange.relay != Ipv4{}) {
      const IpAddress relay = IpAddress::v4(exchange.relay.bytes.data());
      if (!response || near == relay) key.relay = relay;
    }
    const std::string address = to_text(near);
    key.client = exchange.client;
    if (key.client.empty() && told.client_id) key.client = told.client_id->view();
    if (key.client.empty() && told.ipv6 && !exchange.relayed) key.client = address;
    auto& book = dialogue.shared().of<DhcpBook>();
    if (response) {
      told.latency_us = book.answered(key, server, time_us);
    } else {
      book.asked(key, time_us);
    }
  }

  unsigned broken_ = 0;
};

// ---- recognition

/// For IPv4 by its cookie and message type on any port. For IPv6 nothing in a message proves it, so only at its ports.
Verdict recognise(const Segment& segment, const Common& flow) {
  if (is_ipv6(flow)) {
    if (!has_port(flow, kPorts6)) return Verdict::NotMine;
    Dhcp6Message message;
    return read_dhcp6_message(segment.bytes, message, [](uint16_t, Bytes) {}) ? Verdict::Mine : Verdict::Unsure;
  }
  const bool at_its_port = has_port(flow, kPorts4);
  Dhcp4Message message;
  if (!read_dhcp4_message(segment.bytes, message)) return at_its_port ? Verdict::Unsure : Verdict::NotMine;
  if (at_its_port) return Verdict::Mine;
  bool typed = false;
  for_each_dhcp4_option(message.options, [&](uint8_t code, Bytes value) {
    typed = typed || (code == dhcp4_option::kMessageType && value.size() == 1 && value.front() <= dhcp4_type::kLast);
  });
  return typed ? Verdict::Mine : Verdict::NotMine;
}

}  // namespace

namespace protocol {

const Protocol dhcp{.name = "dhcp",
                    .records = kRecords,
                    .over_udp = true,
                    .over_tcp = false,
                    .ports = kPorts,
                    .recognise = recognise,
                    .make_parser = [] { return std::unique_ptr<Parser>(std::make_unique<DhcpParser>()); },
                    .ndpi_names = kNdpiNames};

}  // namespace protocol
}  // namespace microcloud
