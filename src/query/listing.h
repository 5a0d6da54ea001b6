// The names of all keys of the live view, as far as a pattern takes them: of KEYS, SCAN and DBSIZE.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "probe/question.h"
#include "query/key_target.h"
#include "query/live_view.h"
#include "resp/glob.h"

namespace microcloud {

/// Texts, each once, in little memory.
class KeyNamesFound {
 public:
  explicit KeyNamesFound(HashSeed seed) : seed_(seed), slots_(kFewest, 0) {}
  /// False: it is there already.
  bool add(std::string_view name);
  size_t size() const { return starts_.size(); }
  std::string_view name(size_t at) const {
    const size_t end = at + 1 < starts_.size() ? starts_[at + 1] : text_.size();
    return std::string_view(text_).substr(starts_[at], end - starts_[at]);
  }
  size_t bytes() const { return text_.size() + starts_.size() * sizeof(uint64_t) + slots_.size() * sizeof(uint32_t); }
  /// Nothing is added any more.
  void close() { slots_ = {}; }

 private:
  static constexpr size_t kFewest = 1024;
  void grow();
  size_t place(std::string_view name) const;

  HashSeed seed_;
  std::string text_;
  std::vector<uint64_t> starts_;
  std::vector<uint32_t> slots_;  // number of a name and one more, 0: empty
};

/// One listing. A key that is there from its beginning to its end is found.
class Listing {
 public:
  /// Beyond so many names it is given up.
  static constexpr size_t kMost = 5'000'000;

  /// `type`: only keys of this type; empty: all.
  Listing(const LiveView& view, const std::string& pattern, std::string type);

  FlowQuestion question() const;
  void add(const Common& common, const FlowRecord& flow);
  /// After the last flow.
  void finish();

  bool too_many() const { return found_.size() >= kMost; }
  KeyNamesFound& found() { return found_; }

 private:
  void list_lane(CloudWriter::Unacknowledged::OfLane CloudWriter::Unacknowledged::*lane);
  void take(std::string_view key);
  void take_buffer();
  void take_flow(const Common& common);

  const LiveView& view_;
  const resp::Glob pattern_;
  const std::string type_;
  PatternTrees trees_;
  std::string flow_prefix_;
  KeyNamesFound found_;
  MergeBuffer buffer_;
  std::unique_ptr<Accounting> accounting_;
};

}  // namespace microcloud
