// Messages as UDP datagrams (RFC 7011, 10.3; RFC 3954): one session without end, whose receiver may forget templates.
#pragma once

#include <memory>

#include "export/link.h"
#include "net/udp_sender.h"

namespace microcloud {

class UdpLink final : public Link {
 public:
  /// Throws std::runtime_error.
  UdpLink(std::string name, const Target& target);
  void start(Opening& opening) override;
  size_t largest_message() const override { return most_; }
  void send(MessageBatch& batch) override;
  void progress(SteadyTime now) override;
  void finish() override;
  std::string not_taken() const override { return not_taken_; }
  bool forgets() const override { return true; }

 private:
  UdpSender sender_;
  size_t most_;
  std::vector<uint32_t> sizes_;
  std::vector<bool> failed_;  // of the batch at hand
  SteadyTime refused_at_{};   // {}: not lately
  uint64_t sent_then_ = 0;
  std::string not_taken_;
};

}  // namespace microcloud
