// A list of addresses and networks that people keep in the MicroCloud (the set list.<name>), as it is now.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/prefix_set.h"
#include "cloud/update_way.h"

namespace microcloud {

class WatchList {
 public:
  static constexpr size_t kMost = 10'000;  // entries; a longer list is not read, and the last one stays in force

  explicit WatchList(std::string key) : key_(std::move(key)) {}

  /// On the loop's thread, every few milliseconds while the way is connected: asks twice a second.
  void look(UpdateWay& way, int64_t now_ms);

  /// Any thread. Another number: another list. 0: none was read yet.
  uint64_t version() const { return version_.load(std::memory_order_acquire); }
  std::shared_ptr<const PrefixSet> networks() const;

 private:
  void on_size(UpdateWay& way, const resp::Result& result);
  void on_members(const resp::Result& result);
  void take(std::vector<std::string> members);
  void tell(std::string why);

  const std::string key_;
  // On the loop's thread.
  bool asking_ = false;
  int64_t looked_ms_ = 0;
  std::vector<std::string> members_;
  std::string told_;

  mutable std::mutex mutex_;
  std::shared_ptr<const PrefixSet> networks_ = std::make_shared<PrefixSet>();
  std::atomic<uint64_t> version_{0};
};

}  // namespace microcloud
