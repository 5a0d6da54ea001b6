// What the inspector keeps of a flow while a parser reads it, or may read it yet.
#pragma once

#include <optional>

#include "inspect/inspector.h"

namespace microcloud {

/// A payload seen before anybody knew whose it is.
struct EarlySegment {
  Segment segment;
  std::vector<uint8_t, PoolAllocator<uint8_t>> bytes;
};

struct Inspector::Session : Pooled {
  static constexpr size_t kMostEarly = 32;           // segments, and
  static constexpr size_t kMostEarlyBytes = 16'384;  // bytes of them, until nobody's is the verdict
  static constexpr size_t kNotListening = SIZE_MAX;

  Common common;  // source is the initiator
  uint64_t candidates = 0;
  std::unique_ptr<Parser> parser;   // once recognised, until it is done
  bool reading = true;              // wants more
  uint32_t handle = 0;              // of its flow
  size_t listener = kNotListening;  // the parser's place in listening_
  std::optional<TcpStream> from_initiator, from_responder;
  std::vector<EarlySegment, PoolAllocator<EarlySegment>> early;
  size_t early_bytes = 0;

  /// Its next segment is a parser's, or the first one that anybody is asked about.
  bool is_taken() const { return reading && (parser || early.empty()); }
};

/// A parser's way to say something.
class Inspector::Talk final : public Dialogue {
 public:
  /// `packet_us`: time of the packet that is being read; 0: there is none.
  Talk(Inspector& inspector, Session& session, int64_t packet_us = 0) : inspector_(inspector), session_(session) {
    session.common.packet_us = packet_us;
  }
  const Common& flow() const override { return session_.common; }
  const Disclosure& disclosure() const override { return inspector_.settings_.disclosure; }
  uint32_t next_transaction() override { return ++inspector_.state(session_.handle).transactions; }
  void tell(const RecordType& type, const void* body, bool source_is_initiator) override;
  void name_server(std::string_view name) override;
  Shared& shared() override { return *inspector_.settings_.shared; }
  void announce(const IpAddress& address, uint16_t port) override;

 private:
  Inspector& inspector_;
  Session& session_;
};

}  // namespace microcloud
