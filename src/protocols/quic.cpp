// QUIC (RFC 9000, RFC 9001, RFC 9369): one record a connection, of the TLS ClientHello in the client's Initial packets.
// What follows is encrypted with keys that nobody else has.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "inspect/parser.h"
#include "protocols/protocols.h"
#include "protocols/wire/quic_initial.h"
#include "protocols/wire/tls_fingerprint.h"
#include "protocols/wire/tls_hello.h"
#include "protocols/wire/tls_names.h"
#include "protocols/wire/tls_records.h"
#include "record/text_list.h"
#include "record/transaction.h"

namespace microcloud {
namespace {

constexpr uint16_t kPorts[] = {443, 853, 8443};
constexpr std::string_view kNdpiNames[] = {"QUIC"};
constexpr unsigned kMostDatagrams = 32;  // of a client, until its hello is whole
constexpr size_t kLeastOfFirst = 1200;   // octets of the datagram of a client's first Initial (RFC 9000, 14.1)
constexpr size_t kLeastOfFirstId = 8;    // octets of its destination connection id (RFC 9000, 7.2)

struct QuicConnection {
  Milliseconds observed;
  uint32_t index = 0;
  Partial partial;
  std::optional<Text<255>> server_name;
  TextList<512, 16> alpn;
  uint32_t version = 0;
  std::optional<Text<kJa4Size>> ja4;
};

constexpr Field kOwnFields[] = {
    field<&QuicConnection::server_name>("tlsServerName", {"TLS_SERVER_NAME", pen::kNtop, 188},
                                        "host that the client asks for (SNI)"),
    field<&QuicConnection::alpn>("tlsAlpn", {"", pen::kOwn, 121},
                                 "protocols that the client offers (ALPN), in its order", Role::List),
    field<&QuicConnection::version>("quicVersion", {"", pen::kOwn, 310},
                                    "of the client's first packet: 1, 1798521807 is version 2", Role::Identifier),
    field<&QuicConnection::ja4>("tlsJa4", {"JA4C_HASH", pen::kNtop, 576}, "JA4 of the ClientHello"),
};

constexpr auto kFields = transaction_fields<QuicConnection>(kOwnFields);

constexpr CloudRule kCloud[] = {
    grow(Entity::Source, "quic.connections", "QUIC connections that the host began"),
};

constexpr RecordType kRecordType{.name = "quic",
                                 .meaning = "QUIC connection",
                                 .fields = kFields,
                                 .body_size = sizeof(QuicConnection),
                                 .cloud = kCloud};
constexpr const RecordType* kRecords[] = {&kRecordType};

void tell_hello(QuicConnection& told, const ClientHello& hello) {
  tell_names(told, hello);
  if (!hello.whole) return;
  const auto ja4 = ja4_of(hello, Ja4Transport::Quic);
  told.ja4.emplace().assign({ja4.data(), ja4.size()});
}

/// Calls take(packet) for each packet with a long header in a datagram.
template <typename Take>
void for_each_packet(Bytes datagram, const Take& take) {
  QuicPacket packet;
  while (!datagram.empty() && read_quic_packet(datagram, packet)) {
    take(packet);
    if (packet.whole.empty()) return;  // a kind without a length: the last one
    datagram = datagram.subspan(packet.whole.size());
  }
}

class QuicParser final : public Parser {
 public:
  Status on_data(const Segment& segment, Dialogue& dialogue) override {
    if (over_) return Status::Done;
    for_each_packet(segment.bytes, [&](const QuicPacket& packet) { take(packet, segment); });
    const bool finished = is_hello_whole() || ++datagrams_ > 2 * kMostDatagrams;
    if (!finished) return Status::More;
    if (opened_) tell(dialogue);
    over_ = true;
    return opened_ ? Status::Done : Status::Malformed;
  }
  bool waits() const override { return false; }
  void on_end(FlowOver, int64_t, Dialogue& dialogue) override {
    if (opened_ && !over_) tell(dialogue);
    over_ = true;
  }

 private:
  struct Opened {
    QuicInitialKeys keys;
    bool from_initiator;
  };

  void take(const QuicPacket& packet, const Segment& segment) {
    if (!packet.initial || (opened_ && opened_->from_initiator != segment.from_initiator)) return;
    if (opened_) {
      const auto frames = opened_->keys.open(packet);
      if (frames) {
        stream_.take_frames(*frames);
        return;
      }
    }
    // The first one, or the first after the server's Retry, which makes new keys.
    if (packet.destination.empty()) return;
    const QuicInitialKeys keys(packet.version, packet.destination);
    const auto frames = keys.open(packet);
    if (!frames) return;
    if (!opened_) {
      told_.observed = to_milliseconds(segment.time_us);
      told_.version = packet.version;
    }
    opened_.emplace(Opened{keys, segment.from_initiator});
    stream_.take_frames(*frames);
  }

  /// All of the ClientHello that has come: its body behind the head of four octets.
  bool is_hello_whole() const {
    Cursor in(stream_.beginning());
    in.skip(1);
    const size_t octets = in.u24();
    return in.ok() && in.has(std::min(octets, QuicCryptoStream::kMost - 4));
  }

  void tell(Dialogue& dialogue) {
    Cursor in(stream_.beginning());
    const uint8_t type = in.u8();
    const size_t octets = in.u24();
    const bool whole = in.ok() && in.has(octets);
    in.keep(octets);
    ClientHello hello;
    if (in.ok() && type == tls_handshake::kClientHello && read_client_hello(in.rest(), hello)) {
      hello.whole = hello.whole && whole;
      tell_hello(told_, hello);
    } else {
      told_.partial.add("no client hello");
    }
    if (told_.server_name) dialogue.name_server(told_.server_name->view());
    told_.index = dialogue.next_transaction();
    dialogue.tell(kRecordType, &told_, opened_->from_initiator);
  }

  QuicConnection told_;
  std::optional<Opened> opened_;
  QuicCryptoStream stream_;
  unsigned datagrams_ = 0;
  bool over_ = false;
};

/// A client's first datagram proves itself: it can be opened with the keys that follow from it. A server's waits for
/// the client's.
Verdict recognise(const Segment& segment, const Common&) {
  QuicPacket packet;
  if (!read_quic_packet(segment.bytes, packet)) return Verdict::NotMine;
  if (!packet.initial) return packet.destination.empty() ? Verdict::NotMine : Verdict::Unsure;
  if (segment.octets < kLeastOfFirst || packet.destination.size() < kLeastOfFirstId) return Verdict::Unsure;
  return QuicInitialKeys(packet.version, packet.destination).open(packet) ? Verdict::Mine : Verdict::Unsure;
}

}  // namespace

namespace protocol {

const Protocol quic{.name = "quic",
                    .records = kRecords,
                    .over_udp = true,
                    .over_tcp = false,
                    .ports = kPorts,
                    .recognise = recognise,
                    .make_parser = [] { return std::unique_ptr<Parser>(std::make_unique<QuicParser>()); },
                    .prepare = prepare_quic,
                    .ndpi_names = kNdpiNames};

}  // namespace protocol
}  // namespace microcloud
