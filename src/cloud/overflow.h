// What a merge buffer has no room for, on its way over a spill file: it leaves before whatever came later.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/key_unit.h"
#include "cloud/merge_buffer.h"
#include "cloud/piece.h"
#include "cloud/spill_file.h"

namespace microcloud {

struct OverflowSettings {
  std::string directory;                    // of the file; empty: there is none
  uint64_t most_bytes = uint64_t{1} << 30;  // of the file
};

/// One thread at a time, the same as the buffer.
///
/// What is in the file is older than what waits in the buffer. On its way back it merges in a buffer of its own, and of
/// a key (of a cluster: of a slot) nothing leaves the other one before all of that has left.
///
/// In a cluster what comes back is laid aside where its slot takes nothing at the moment. When that is too much the
/// oldest goes into a second file, so that what is behind it in the first one is reached: what was skipped is older
/// than all else of its slot. When the first one is read through, and a slot takes something that was skipped, all goes
/// behind it and the files change places.
class Overflow {
 public:
  /// `buffer` gives up nothing from now on that this can take. `returning_bytes`: about so much memory for what was
  /// read back and has not left. Throws std::runtime_error: there can be no file.
  Overflow(const OverflowSettings& settings, size_t returning_bytes, MergeBuffer& buffer, bool of_cluster);

  bool empty() const { return !has_spilled() && returning_.size() == 0; }
  /// Something is in a file.
  bool has_spilled() const { return !file_->empty() || (skipped_ && !skipped_->empty()); }
  /// Something of this key may be in a file.
  bool may_hide(std::string_view key) const;
  /// Keys that may leave, as far as is known; files have some more than once.
  size_t ready() const;
  /// What was read back and has not left.
  const MergeBuffer& returning() const { return returning_; }

  struct Counts {
    size_t updates = 0;  // of keys, in files
    uint64_t bytes = 0;
    uint64_t lost = 0;        // increments that could not be read back
    uint64_t overflowed = 0;  // increments that were given up on the way back
    uint64_t failures = 0;    // of writing and reading
  };
  Counts counts() const;

  /// Keys were born again, and of some there may be updates on their way over the file that were made before that was
  /// known: what comes back tells its times, until there is nothing more.
  void note_reborn() { tells_times_ = !empty(); }

  /// As cut_piece() of the buffer, for what has overflowed; nothing: there is none.
  std::optional<Piece> cut(const PieceLimits& limits);
  /// As cut_units() of both: of the buffer when nothing of the other can go.
  UnitCut cut(size_t most, const std::function<bool(resp::Slot)>& takes);
  /// Beside the same of the buffer.
  void unshelve(const std::vector<resp::Slot>& slots);

 private:
  bool take(const KeyUpdate& update);
  bool skip(const KeyUpdate& update);
  bool read_some();
  void begin_anew();
  void count_gone(const UnitCut& cut);
  void recount();

  void put_back(const SpilledUpdate& update);

  MergeBuffer& buffer_;
  std::unique_ptr<SpillFile> file_;
  MergeBuffer returning_;
  bool tells_times_ = false;

  // Of a cluster.
  std::unique_ptr<SpillFile> skipped_;
  std::vector<uint32_t> of_slot_;          // updates in files, and keys that return
  std::vector<uint32_t> skipped_of_slot_;  // of them, in the second file
  bool takes_skipped_ = false;             // a slot does
  uint64_t lost_ = 0;                      // when slots were last recounted
};

}  // namespace microcloud
