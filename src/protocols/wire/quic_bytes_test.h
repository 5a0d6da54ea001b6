// Writes QUIC's Initial packets for tests: protected with the keys that a client has.
#pragma once

#include <openssl/evp.h>

#include <memory>
#include <stdexcept>

#include "protocols/wire/quic_initial.h"
#include "protocols/wire/tls_bytes_test.h"

namespace microcloud::quic_bytes {

inline Octets8 varint(uint64_t number) {
  if (number < 64) return {static_cast<uint8_t>(number)};
  if (number < 16384) return {static_cast<uint8_t>(0x40 | number >> 8), static_cast<uint8_t>(number & 0xff)};
  return {static_cast<uint8_t>(0x80 | number >> 24), static_cast<uint8_t>(number >> 16 & 0xff),
          static_cast<uint8_t>(number >> 8 & 0xff), static_cast<uint8_t>(number & 0xff)};
}

inline Octets8 crypto(size_t offset, Bytes data) {
  return joined({{6}, varint(offset), varint(data.size()), Octets8(data.begin(), data.end())});
}

struct Initial {
  uint32_t version = kQuicV1;
  Octets8 destination = {0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08};
  Octets8 keys_of = {};  // the destination whose keys protect it; empty: its own
  Octets8 source = {};
  Octets8 token = {};
  uint32_t number = 2;
  size_t padded_to = 1162;  // octets of the frames

  /// The packet number takes four octets.
  Octets8 with(Octets8 frames) const {
    if (frames.size() < padded_to) frames.resize(padded_to);
    const QuicInitialKeys keys(version, keys_of.empty() ? destination : keys_of);
    Octets8 header{static_cast<uint8_t>(version == kQuicV2 ? 0xd3 : 0xc3)};
    append(header, four(version));
    append(header, with_length(destination, 1));
    append(header, with_length(source, 1));
    append(header, varint(token.size()));
    append(header, token);
    append(header, varint(4 + frames.size() + 16));
    const size_t number_at = header.size();
    append(header, four(number));
    QuicInitialKeys::Iv nonce = keys.iv();
    for (size_t at = 0; at < 4; ++at) nonce[8 + at] = static_cast<uint8_t>(nonce[8 + at] ^ header[number_at + at]);
    Octets8 packet = joined({header, sealed(keys, nonce, header, frames)});
    const Octets8 mask = encrypted_block(keys.header_key(), Bytes(packet).subspan(number_at + 4, 16));
    packet[0] = static_cast<uint8_t>(packet[0] ^ (mask[0] & 0x0f));
    for (size_t at = 0; at < 4; ++at)
      packet[number_at + at] = static_cast<uint8_t>(packet[number_at + at] ^ mask[1 + at]);
    return packet;
  }

 private:
  using Context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;
  static void hold(int result) {
    if (result != 1) throw std::runtime_error("OpenSSL refuses");
  }
  static Octets8 four(uint32_t number) {
    return {static_cast<uint8_t>(number >> 24), static_cast<uint8_t>(number >> 16 & 0xff),
            static_cast<uint8_t>(number >> 8 & 0xff), static_cast<uint8_t>(number & 0xff)};
  }
  static Octets8 sealed(const QuicInitialKeys& keys, const QuicInitialKeys::Iv& nonce, const Octets8& header,
                        const Octets8& text) {
    const Context context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
    Octets8 out(text.size() + 16);
    int written = 0;
    hold(EVP_EncryptInit_ex(context.get(), EVP_aes_128_gcm(), nullptr, keys.key().data(), nonce.data()));
    hold(EVP_EncryptUpdate(context.get(), nullptr, &written, header.data(), static_cast<int>(header.size())));
    hold(EVP_EncryptUpdate(context.get(), out.data(), &written, text.data(), static_cast<int>(text.size())));
    hold(EVP_EncryptFinal_ex(context.get(), out.data() + text.size(), &written));
    hold(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, 16, out.data() + text.size()));
    return out;
  }
  static Octets8 encrypted_block(const QuicInitialKeys::Key& key, Bytes block) {
    const Context context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
    Octets8 out(32);
    int written = 0;
    hold(EVP_EncryptInit_ex(context.get(), EVP_aes_128_ecb(), nullptr, key.data(), nullptr));
    hold(EVP_EncryptUpdate(context.get(), out.data(), &written, block.data(), static_cast<int>(block.size())));
    return out;
  }
};

}  // namespace microcloud::quic_bytes
