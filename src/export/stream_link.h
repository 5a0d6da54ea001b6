// Messages over connections (RFC 7011, 10.2, 10.4, 10.5: SCTP, TCP, TLS): held while there is none, what is lost
// counted.
#pragma once

#include <deque>

#include "export/link.h"
#include "net/dialer.h"

namespace microcloud {

/// A message is told at most once. When a connection breaks, what the peer's system acknowledged counts as sent
/// (whether the collector read it, nobody can know); what never left is told again in the next session; what left
/// without an acknowledgement may have come, and counts as lost.
class StreamLink final : public Link {
 public:
  /// Octets that wait for one collector: what comes while they are held is lost, and counted.
  static constexpr size_t kMostHeld = size_t{32} << 20;

  StreamLink(std::string name, Dialer dialer, size_t largest_message, size_t most_held = kMostHeld);

  void start(Opening& opening) override;
  size_t largest_message() const override { return largest_message_; }
  void send(MessageBatch& batch) override;
  void progress(SteadyTime now) override;
  bool full() const override { return octets_ >= most_held_; }
  bool waiting() const override { return !held_.empty() || !on_the_way_.empty(); }
  void finish() override;
  std::string not_taken() const override { return not_taken_; }

 private:
  struct Message {
    std::string bytes;
    MessageInfo info;
    int64_t now_ms = 0;  // the exporter's clock when it was made
    int64_t boot_ms = 0;
    bool stamped = false;
    uint64_t ends_at = 0;  // on the way
  };

  void hold(const char* bytes, const MessageInfo& info);
  void begin();
  void write_held();
  bool write_first();
  void settle();
  void break_off(SteadyTime now);
  void close();
  void note_away(const std::string& why, SteadyTime now);
  void note_back(SteadyTime now);
  void let_go(const Message& message) { octets_ -= message.bytes.size(); }
  void lose(ExportLoss why, const Message& message);

  Dialer dialer_;
  size_t largest_message_;
  size_t most_held_;
  Opening* opening_ = nullptr;
  Connection* connection_ = nullptr;  // of the session that is open
  std::deque<Message> held_;
  size_t first_written_ = 0;        // octets of the first of them
  std::deque<Message> on_the_way_;  // written, not acknowledged
  size_t octets_ = 0;               // of both
  bool away_told_ = false;
  SteadyTime away_since_{};
  uint64_t lost_before_ = 0;
  std::string not_taken_;
};

}  // namespace microcloud
