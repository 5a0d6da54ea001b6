// What other probes know of calls, asked of the MicroCloud over its synchronous channel.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>

#include "base/counter.h"
#include "base/metrics.h"
#include "cloud/merge_buffer.h"
#include "cloud/owner_channel.h"
#include "protocols/wire/call_book.h"

namespace microcloud {

class CloudCalls final : public CallsElsewhere {
 public:
  static constexpr size_t kMostAsked = 1'024;  // without an answer

  /// `live`: nobody waits.
  CloudCalls(OwnerChannel& channel, std::string_view realm, bool live);

  /// Before the first packet: the book that asks, and hears the answers.
  void serve(CallBook& book) { book_ = &book; }
  bool ask(const SdpAddress& at) override;
  bool ask(std::string_view call_id) override;
  bool may_wait() const override { return !live_; }
  void settle() override;
  /// On the channel's thread.
  void hear(const OwnerNews& news);
  /// Any thread.
  void tell_metrics(MetricsPage& page) const;

 private:
  using Asked = std::variant<SdpAddress, std::string>;  // an endpoint, or a Call-ID
  bool ask(std::string key, Asked what);

  OwnerChannel& channel_;
  const std::string endpoints_;  // what stands before the names of keys
  const std::string calls_;
  const bool live_;
  CallBook* book_ = nullptr;

  std::mutex mutex_;
  std::condition_variable answered_;
  std::unordered_map<std::string, Asked, TextHash, std::equal_to<>> open_;
  size_t hearing_ = 0;  // answers that are on their way into the book

  /// Under the lock.
  struct Counts {
    Counter known, unknown, unanswered, too_many;
  };
  Counts counts_;
};

}  // namespace microcloud
