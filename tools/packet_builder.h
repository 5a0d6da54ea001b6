// Frames written as they are read: Packet().eth().vlan(5).ipv4("10.0.0.1", "10.0.0.2").udp(53,
// 9999).payload("x").bytes().
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/cursor.h"

namespace microcloud::tools {

/// Addresses of headers, from text or value. Wrong text throws std::invalid_argument.
struct Addr4 : Ipv4 {
  Addr4(const char* text) : Addr4(std::string(text)) {}  // NOLINT(google-explicit-constructor)
  Addr4(const std::string& text);                        // NOLINT(google-explicit-constructor)
  Addr4(const Ipv4& value) : Ipv4(value) {}              // NOLINT(google-explicit-constructor)
};
struct Addr6 : Ipv6 {
  Addr6(const char* text) : Addr6(std::string(text)) {}  // NOLINT(google-explicit-constructor)
  Addr6(const std::string& text);                        // NOLINT(google-explicit-constructor)
  Addr6(const Ipv6& value) : Ipv6(value) {}              // NOLINT(google-explicit-constructor)
};
struct AddrMac : Mac {
  AddrMac(const char* text) : AddrMac(std::string(text)) {}  // NOLINT(google-explicit-constructor)
  AddrMac(const std::string& text);                          // NOLINT(google-explicit-constructor)
  AddrMac(const Mac& value) : Mac(value) {}                  // NOLINT(google-explicit-constructor)
};

struct Draft;
using Layer = std::function<void(Draft&)>;  // puts one header in front
using Blob = std::vector<uint8_t>;

inline constexpr uint8_t kFin = 1, kSyn = 2, kRst = 4, kPsh = 8, kAck = 16, kUrg = 32, kEce = 64, kCwr = 128;

// What a header carries beyond its necessary arguments. An optional that is set overrides what would be right.

struct EthOptions {
  std::optional<uint16_t> ethertype = {};
  bool length = false;  // IEEE 802.3: the length instead of a type; llc_snap() comes next
  size_t pad_to = 0;    // zeros up to this frame size
};
struct VlanOptions {
  uint16_t tpid = 0x8100;
  uint8_t priority = 0;
  std::optional<uint16_t> ethertype = {};
};
struct MplsOptions {
  uint8_t traffic_class = 0, ttl = 64;
  std::optional<bool> bottom = {};
};
struct PppOptions {
  std::optional<uint16_t> protocol = {};
  bool address_control = false;  // 0xff03 in front
  bool compressed = false;       // protocol field in one byte
};
struct Ipv4Options {
  uint8_t ttl = 64, tos = 0;
  uint16_t id = 0;
  bool dont_fragment = false, more_fragments = false;
  uint16_t offset = 0;  // in bytes, a multiple of 8
  Blob options = {};
  std::optional<uint8_t> protocol = {}, version = {}, header_words = {};
  std::optional<uint16_t> total_length = {};
  bool bad_checksum = false;
};
struct Ipv6Options {
  uint8_t hop_limit = 64, traffic_class = 0;
  uint32_t flow_label = 0;
  std::optional<uint8_t> next_header = {};
  std::optional<uint16_t> payload_length = {};
};
struct Ipv6FragmentOptions {
  uint16_t offset = 0;  // in bytes, a multiple of 8
  bool more = false;
  std::optional<uint8_t> next_header = {};
};
struct UdpOptions {
  std::optional<uint16_t> length = {};
  bool no_checksum = false, bad_checksum = false;
};
struct TcpOptions {
  uint32_t seq = 0, ack = 0;
  uint8_t flags = kAck;
  uint16_t window = 64240, urgent = 0;
  Blob options = {};  // padded to words
  std::optional<uint8_t> header_words = {};
  bool bad_checksum = false;
};
struct IcmpOptions {
  uint32_t rest = 0;  // the second word: identifier << 16 | sequence of an echo
  bool bad_checksum = false;
};
struct SctpDataOptions {
  uint16_t stream = 0, sequence = 0;
  uint32_t payload_protocol = 0;
  uint8_t flags = 3;  // unfragmented
};
struct GreOptions {
  std::optional<uint32_t> key = {}, sequence = {};
  bool checksum = false;
  std::optional<uint16_t> protocol = {};
};
struct PptpOptions {
  std::optional<uint32_t> sequence = {}, ack = {};
};
struct ErspanOptions {
  uint16_t vlan = 0;
  uint32_t index = 0;                // type II
  uint32_t timestamp = 0;            // type III
  std::optional<uint64_t> sub = {};  // type III: platform-specific subheader
};
struct GtpExtension {
  uint8_t type = 0;
  Blob content = {};  // padded to 4n - 2 bytes
};
struct GtpuOptions {
  std::optional<uint16_t> sequence = {};
  std::optional<uint8_t> npdu = {};
  std::vector<GtpExtension> extensions = {};
  uint8_t message = 255;  // G-PDU
};
struct VxlanOptions {
  std::optional<uint8_t> gpe_protocol = {};
};
struct GeneveOption {
  uint16_t option_class = 0;
  uint8_t type = 0;
  Blob data = {};  // padded to words
};
struct GeneveOptions {
  std::vector<GeneveOption> options = {};
  std::optional<uint16_t> protocol = {};
};
struct L2tpOptions {
  bool control = false, length = false;
  std::optional<uint16_t> ns = {}, nr = {};  // set together
  std::optional<uint16_t> offset = {};
};
struct TeredoOptions {
  bool authentication = false;
  std::optional<uint16_t> origin_port = {};
  Addr4 origin_address = "192.0.2.45";
};
struct NflogOptions {
  std::string prefix = {};
};

/// A description of one frame, outermost header first. bytes() fixes lengths, protocol numbers and checksums from the
/// inside out, so a header may stand at any depth. Copies are independent. Not for hot loops.
class Packet {
 public:
  // Link types (packet_links.cpp).
  Packet& sll(uint16_t packet_type = 0, const AddrMac& source = "02:00:00:00:00:01");
  Packet& sll2(uint16_t packet_type = 0, const AddrMac& source = "02:00:00:00:00:01");
  Packet& bsd_null(uint32_t ipv6_family = 30, bool big_endian = false);
  Packet& bsd_loop(uint32_t ipv6_family = 30) { return bsd_null(ipv6_family, true); }
  Packet& nflog(const NflogOptions& options = {});
  Packet& radiotap();
  /// A data frame from a station to its access point; llc_snap() comes next.
  Packet& wlan_data(const AddrMac& source, const AddrMac& destination, bool qos = false);

  // Layer 2 (packet_links.cpp).
  Packet& eth(const AddrMac& source = "02:00:00:00:00:01", const AddrMac& destination = "02:00:00:00:00:02",
              const EthOptions& options = {});
  Packet& llc_snap();
  Packet& vlan(uint16_t id, const VlanOptions& options = {});
  Packet& mpls(uint32_t label, const MplsOptions& options = {});
  Packet& control_word(uint16_t sequence = 0);
  Packet& pppoe(uint16_t session, uint8_t code = 0);  // a PPP header follows by itself
  Packet& ppp(const PppOptions& options = {});

  // Network and transport (packet_builder.cpp).
  Packet& ipv4(const Addr4& source, const Addr4& destination, const Ipv4Options& options = {});
  Packet& ipv6(const Addr6& source, const Addr6& destination, const Ipv6Options& options = {});
  Packet& hop_by_hop(const Blob& options = {});
  Packet& destination_options(const Blob& options = {});
  Packet& routing(uint8_t type, uint8_t segments_left, const std::vector<Addr6>& addresses);
  Packet& ipv6_fragment(uint32_t id, const Ipv6FragmentOptions& options = {});
  Packet& ah(uint32_t spi, uint32_t sequence, const Blob& icv = Blob(12));
  Packet& udp(uint16_t source, uint16_t destination, const UdpOptions& options = {});
  Packet& tcp(uint16_t source, uint16_t destination, const TcpOptions& options = {});
  Packet& icmp(uint8_t type, uint8_t code = 0, const IcmpOptions& options = {});
  Packet& icmp6(uint8_t type, uint8_t code = 0, const IcmpOptions& options = {});
  Packet& sctp(uint16_t source, uint16_t destination, uint32_t tag = 0);
  Packet& sctp_chunk(uint8_t type, uint8_t flags, const Blob& body);
  Packet& sctp_data(uint32_t tsn, const SctpDataOptions& options = {});

  // Tunnels (packet_tunnels.cpp); the UDP header before them is written by the caller.
  Packet& gre(const GreOptions& options = {});
  Packet& pptp_gre(uint16_t call_id, const PptpOptions& options = {});
  Packet& erspan1();
  Packet& erspan2(uint16_t session, const ErspanOptions& options = {});  // behind gre({.sequence = n})
  Packet& erspan3(uint16_t session, const ErspanOptions& options = {});
  Packet& mobileip(const Addr4& source, const Addr4& destination, bool with_source = true);
  Packet& gtpu(uint32_t teid, const GtpuOptions& options = {});
  Packet& vxlan(uint32_t vni, const VxlanOptions& options = {});
  Packet& geneve(uint32_t vni, const GeneveOptions& options = {});
  Packet& l2tp(uint16_t tunnel, uint16_t session, const L2tpOptions& options = {});  // version 2
  Packet& l2tpv3(uint32_t session, const Blob& cookie = {});                         // over IP, protocol 115
  Packet& teredo(const TeredoOptions& options = {});

  Packet& payload(std::string_view text);
  Packet& payload(const Blob& bytes);
  Packet& append(const Packet& inner);  // the headers of another packet, inside this one
  Packet& cut(size_t captured);         // capture only so many bytes

  /// The frame as captured, and its size on the wire.
  Blob bytes() const;
  size_t wire_size() const { return whole().size(); }

 private:
  Packet& add(Layer layer);
  Blob whole() const;

  std::vector<Layer> layers_;
  std::optional<size_t> cut_;
};

/// The fragments of an IP packet, each with at most `size` bytes of its payload (a multiple of 8), in order; append()
/// one behind the layers that carry it. `ip` begins with ipv4() or ipv6() and has no options and extension headers
/// there.
std::vector<Packet> fragments(const Packet& ip, size_t size, uint32_t id);

}  // namespace microcloud::tools
