// TLS over TCP (RFC 8446, RFC 5246 and before): one record per handshake, as soon as all of it that is readable was
// seen.
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "inspect/parser.h"
#include "protocols/protocols.h"
#include "protocols/wire/tls_fingerprint.h"
#include "protocols/wire/tls_hello.h"
#include "protocols/wire/tls_names.h"
#include "protocols/wire/tls_records.h"
#include "protocols/wire/x509_names.h"
#include "record/text_list.h"
#include "record/transaction.h"

namespace microcloud {
namespace {

constexpr uint16_t kTls13 = 0x0304;  // and above: its drafts; what follows the ServerHello is encrypted
constexpr uint16_t kPorts[] = {443, 465, 563, 636, 853, 989, 990, 993, 995, 5061, 8443};
constexpr std::string_view kNdpiNames[] = {"TLS"};

struct TlsHandshake {
  Milliseconds observed;
  uint32_t index = 0;
  Partial partial;
  std::optional<Text<255>> server_name;
  TextList<512, 16> alpn;
  std::optional<uint16_t> version;
  std::optional<uint16_t> cipher;
  std::optional<Text<kJa3Size>> ja3;
  std::optional<Text<kJa3Size>> ja3s;
  std::optional<Text<kJa4Size>> ja4;
  std::optional<Text<512>> subject;
  std::optional<Text<512>> issuer;
};

constexpr Field kOwnFields[] = {
    field<&TlsHandshake::server_name>("tlsServerName", {"TLS_SERVER_NAME", pen::kNtop, 188},
                                      "host that the client asks for (SNI)"),
    field<&TlsHandshake::alpn>("tlsAlpn", {"", pen::kOwn, 121}, "protocols that the client offers (ALPN), in its order",
                               Role::List),
    field<&TlsHandshake::version>("tlsVersion", {"TLS_VERSION", pen::kNtop, 495},
                                  "chosen by the first ServerHello: 771 TLS 1.2, 772 TLS 1.3", Role::Identifier),
    field<&TlsHandshake::cipher>("tlsCipher", {"TLS_CIPHER", pen::kNtop, 493}, "cipher suite of the first ServerHello",
                                 Role::Identifier),
    field<&TlsHandshake::ja3>("tlsJa3", {"JA3C_HASH", pen::kNtop, 489}, "JA3 of the first ClientHello"),
    field<&TlsHandshake::ja3s>("tlsJa3s", {"JA3S_HASH", pen::kNtop, 490}, "JA3S of the first ServerHello"),
    field<&TlsHandshake::ja4>("tlsJa4", {"JA4C_HASH", pen::kNtop, 576}, "JA4 of the first ClientHello"),
    field<&TlsHandshake::subject>("tlsCertificateSubject", {"", pen::kOwn, 122},
                                  "of the server's certificate, as in RFC 4514; TLS 1.3 encrypts it"),
    field<&TlsHandshake::issuer>("tlsCertificateIssuer", {"", pen::kOwn, 123}, "who signed the server's certificate"),
};

constexpr auto kFields = transaction_fields<TlsHandshake>(kOwnFields);
void teach(const RecordRef& record, HostLessons& lessons) {
  const TlsHandshake& tls = *static_cast<const TlsHandshake*>(record.body);
  if (tls.server_name && tls.cipher) lessons.name(record.common->destination, tls.server_name->view());
}

constexpr RecordType kRecordType{
    .name = "tls", .meaning = "TLS handshake", .fields = kFields, .body_size = sizeof(TlsHandshake), .teach = teach};
constexpr const RecordType* kRecords[] = {&kRecordType};

/// False when the text had to be cut.
template <size_t Size>
bool assign(std::optional<Text<Size>>& to, std::string_view text) {
  to.emplace().assign(text);
  return text.size() <= Size;
}

void tell_client_hello(TlsHandshake& told, const ClientHello& hello) {
  tell_names(told, hello);
  if (!hello.whole) return;
  const ClientFingerprints prints = fingerprints_of(hello);
  assign(told.ja3, {prints.ja3.data(), prints.ja3.size()});
  assign(told.ja4, {prints.ja4.data(), prints.ja4.size()});
}

void tell_server_hello(TlsHandshake& told, const ServerHello& hello) {
  told.cipher = hello.cipher;
  if (!hello.whole) {
    told.partial.add("server hello cut");
    return;
  }
  told.version = hello.version;
  const auto ja3s = ja3s_of(hello);
  assign(told.ja3s, {ja3s.data(), ja3s.size()});
}

void tell_certificate(TlsHandshake& told, Bytes certificate) {
  X509Names names;
  if (!read_x509_names(certificate, names)) {
    told.partial.add("certificate unreadable");
    return;
  }
  const bool subject = assign(told.subject, names.subject);
  const bool issuer = assign(told.issuer, names.issuer);
  if (!subject || !issuer) told.partial.add("certificate names cut");
}

/// What is known of a handshake under way.
class Watch : public Pooled {
 public:
  explicit Watch(int64_t first_us) { told_.observed = to_milliseconds(first_us); }

  void read(const Segment& segment) {
    Side& from = side(segment.from_initiator);
    if (segment.gap != 0) give_up(from);
    Bytes bytes = segment.bytes;
    while (!from.over) {
      const TlsRecords::Item item = from.records.next(bytes);
      if (item.kind == Kind::More) break;
      if (item.kind == Kind::Message) {
        take_message(item, segment.from_initiator);
      } else if (item.kind == Kind::Broken || item.type != tls_content::kAlert) {
        from.over = true;  // a warning can come before the hello; whatever else comes, comes encrypted
      }
    }
    if (segment.octets > segment.bytes.size()) give_up(from);
  }

  /// No more comes: what has begun is taken as far as it goes.
  void end() {
    for (const bool from_initiator : {true, false}) {
      const TlsRecords::Item rest = side(from_initiator).records.rest();
      if (rest.kind == Kind::Message) take_message(rest, from_initiator);
    }
  }

  bool seen_anything() const { return client_hello_ || server_hello_ || certificate_; }
  bool is_over() const { return sides_[0].over && sides_[1].over; }
  /// Is all seen that will ever be readable?
  bool is_complete() {
    if (!seen_anything()) return false;
    const bool server_done = certificate_ || certificate_past_ || side(!client_is_initiator_).over;
    return server_done && (client_hello_ || side(client_is_initiator_).over);
  }

  void tell(Dialogue& dialogue) {
    if (!client_hello_) told_.partial.add("no client hello");
    if (!server_hello_) told_.partial.add("no server hello");
    if (told_.server_name) dialogue.name_server(told_.server_name->view());
    told_.index = dialogue.next_transaction();
    dialogue.tell(kRecordType, &told_, client_is_initiator_);
  }

 private:
  using Kind = TlsRecords::Item::Kind;
  struct Side {
    TlsRecords records;
    bool over = false;  // nothing readable comes any more
  };

  Side& side(bool from_initiator) { return sides_[from_initiator ? 0 : 1]; }

  void give_up(Side& from) {
    if (!from.over) told_.partial.add("octets missing");
    from.over = true;
  }

  void take_message(const TlsRecords::Item& message, bool from_initiator) {
    const bool from_client = has_roles_ && from_initiator == client_is_initiator_;
    if (message.type == tls_handshake::kClientHello) {
      take_client_hello(message, from_initiator);
    } else if (message.type == tls_handshake::kServerHello) {
      take_server_hello(message, from_initiator);
    } else if (from_client) {
      return;  // its own certificate, or what follows
    } else if (message.type == tls_handshake::kCertificate) {
      if (!certificate_) tell_certificate(told_, first_certificate(message.body));
      set_roles(!from_initiator);
      certificate_ = true;
    } else if (server_hello_) {
      certificate_past_ = true;
    }
  }

  void take_client_hello(const TlsRecords::Item& message, bool from_initiator) {
    ClientHello hello;
    if (client_hello_ || !read_client_hello(message.body, hello)) return;
    hello.whole = hello.whole && message.whole;
    set_roles(from_initiator);
    tell_client_hello(told_, hello);
    client_hello_ = true;
  }

  void take_server_hello(const TlsRecords::Item& message, bool from_initiator) {
    ServerHello hello;
    if (server_hello_ || !read_server_hello(message.body, hello)) return;
    hello.whole = hello.whole && message.whole;
    set_roles(!from_initiator);
    tell_server_hello(told_, hello);
    server_hello_ = true;
    certificate_past_ = hello.version >= kTls13;
  }

  /// The first message that tells them decides.
  void set_roles(bool client_is_initiator) {
    if (!has_roles_) client_is_initiator_ = client_is_initiator;
    has_roles_ = true;
  }

  TlsHandshake told_;
  std::array<Side, 2> sides_;
  bool has_roles_ = false;
  bool client_is_initiator_ = true;
  bool client_hello_ = false;
  bool server_hello_ = false;
  bool certificate_ = false;
  bool certificate_past_ = false;  // it will not come in clear any more
};

class TlsParser final : public Parser {
 public:
  Status on_data(const Segment& segment, Dialogue& dialogue) override {
    if (over_) return Status::Done;
    if (!watch_) watch_ = std::make_unique<Watch>(segment.time_us);
    watch_->read(segment);
    if (watch_->is_complete()) {
      watch_->tell(dialogue);
      finish();
      return Status::Done;
    }
    if (!watch_->is_over() || watch_->seen_anything()) return Status::More;
    finish();
    return Status::Malformed;
  }

  bool waits() const override { return false; }
  void on_end(FlowOver, int64_t, Dialogue& dialogue) override {
    if (!watch_) return;
    watch_->end();
    if (watch_->seen_anything()) watch_->tell(dialogue);
    finish();
  }

 private:
  /// An encrypted flow can live long: it keeps nothing.
  void finish() {
    over_ = true;
    watch_.reset();
  }

  std::unique_ptr<Watch> watch_;
  bool over_ = false;
};

Verdict recognise(const Segment& segment, const Common&) {
  if (!segment.bytes.empty() && segment.bytes[0] != tls_content::kHandshake) return Verdict::NotMine;  // most often
  for (const uint8_t type : {tls_handshake::kClientHello, tls_handshake::kServerHello, tls_handshake::kCertificate}) {
    if (looks_like_tls(segment.bytes, type)) {
      return segment.bytes.size() < kTlsLookBytes ? Verdict::Unsure : Verdict::Mine;
    }
  }
  return Verdict::NotMine;
}

}  // namespace

namespace protocol {

const Protocol tls{.name = "tls",
                   .records = kRecords,
                   .over_udp = false,
                   .over_tcp = true,
                   .ports = kPorts,
                   .recognise = recognise,
                   .make_parser = [] { return std::unique_ptr<Parser>(std::make_unique<TlsParser>()); },
                   .takes_over = begins_with_client_hello,
                   .prepare = prepare_fingerprints,
                   .ndpi_names = kNdpiNames};

}  // namespace protocol
}  // namespace microcloud
