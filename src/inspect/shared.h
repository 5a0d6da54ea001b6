// What flows of one run know in common, whichever worker reads them: what SIP says of media, and RTP asks.
#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "record/record.h"

namespace microcloud {

/// One object of each kind that parsers ask for. Any thread.
class Shared {
 public:
  /// Safe by itself on any thread, and bounded.
  class Book {
   public:
    virtual ~Book() = default;
    /// About once a second of a worker's packet time, on its thread: records that no flow is left to tell. Workers'
    /// times differ by what waits in the rings between them.
    virtual void on_time(int64_t now_us, RecordSink& sink) = 0;
    /// All flows of all workers have been told.
    virtual void on_end(int64_t now_us, RecordSink& sink) = 0;
  };

  /// The only object of its kind, made when it is asked for the first time. It lives as long as this.
  template <typename Kind>
  Kind& of() {
    static constexpr char kKey = 0;
    const std::lock_guard lock(mutex_);
    for (const Kept& kept : kept_) {
      if (kept.key == &kKey) return static_cast<Kind&>(*kept.book);
    }
    kept_.push_back({&kKey, std::make_unique<Kind>()});
    return static_cast<Kind&>(*kept_.back().book);
  }

  void on_time(int64_t now_us, RecordSink& sink) {
    for_each([&](Book& book) { book.on_time(now_us, sink); });
  }
  /// A worker joins before it reads, and leaves when all its flows were told: the last one hears what is left.
  void join() {
    const std::lock_guard lock(mutex_);
    ++workers_;
  }
  void leave(int64_t now_us, RecordSink& sink) {
    {
      const std::lock_guard lock(mutex_);
      latest_us_ = std::max(latest_us_, now_us);
      if (--workers_ != 0) return;
    }
    for_each([&](Book& book) { book.on_end(latest_us_, sink); });
  }

 private:
  struct Kept {
    const void* key;
    std::unique_ptr<Book> book;
  };
  template <typename Do>
  void for_each(const Do& act) {
    for (size_t at = 0;; ++at) {
      Book* book = nullptr;
      {
        const std::lock_guard lock(mutex_);
        if (at == kept_.size()) return;
        book = kept_[at].book.get();
      }
      act(*book);
    }
  }

  std::mutex mutex_;
  std::vector<Kept> kept_;
  unsigned workers_ = 0;
  int64_t latest_us_ = 0;
};

}  // namespace microcloud
