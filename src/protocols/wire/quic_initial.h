// The Initial packets of QUIC, which are encrypted under keys that everyone can derive: version 1 (RFC 9000, RFC 9001),
// version 2 (RFC 9369), and the drafts 23 to 34, which differ from version 1 in one constant at most.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/cursor.h"

namespace microcloud {

inline constexpr uint32_t kQuicV1 = 1, kQuicV2 = 0x6b3343cf, kQuicDraft23 = 0xff000017;

/// One packet with a long header (RFC 9000, 17.2), of which several may stand in a datagram.
struct QuicPacket {
  uint32_t version = 0;
  bool initial = false;  // of a version above; else only the fields before are known
  Bytes destination;     // connection id
  size_t number_at = 0;  // where the packet number is in `whole`
  Bytes whole;           // from its first octet to its last
};

/// Reads the packet with which `datagram` begins. False when it has no long header, or (of an Initial or a packet of
/// the versions above) does not fit.
bool read_quic_packet(Bytes datagram, QuicPacket& packet);

/// Keys of the client's Initial packets (RFC 9001, 5.2), which follow from the version and the destination connection
/// id of the first one.
class QuicInitialKeys {
 public:
  QuicInitialKeys(uint32_t version, Bytes destination);

  /// Takes the protection off (RFC 9001, 5.3, 5.4): the packet's frames. Nothing when it is not protected with these
  /// keys: that it is, proves an Initial of this client.
  std::optional<std::vector<uint8_t>> open(const QuicPacket& packet) const;

  using Key = std::array<uint8_t, 16>;
  using Iv = std::array<uint8_t, 12>;
  const Key& key() const { return key_; }
  const Iv& iv() const { return iv_; }
  const Key& header_key() const { return header_key_; }

 private:
  Key key_{};
  Iv iv_{};
  Key header_key_{};
};

/// OpenSSL reads its configuration before it encrypts for the first time: no packet should wait for that.
void prepare_quic();

/// What CRYPTO frames carry, in any order (RFC 9000, 19.6).
class QuicCryptoStream {
 public:
  static constexpr size_t kMost = 16384;  // octets that are kept, from the beginning on
  static constexpr size_t kMostPieces = 64;

  /// Of an Initial packet's frames; false when they are none that it may hold: those before were taken.
  bool take_frames(Bytes frames);
  /// All that has come without a gap.
  Bytes beginning() const;

 private:
  struct Piece {
    size_t from;
    size_t to;
  };
  void take(size_t offset, Bytes data);

  std::vector<uint8_t> bytes_;
  std::vector<Piece> pieces_;  // in order, none touches another
};

}  // namespace microcloud
