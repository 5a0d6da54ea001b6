// What stands under some keys at one moment: the flows that are open, and what the node has not acknowledged yet. Both
// go through the accounting of the MicroCloud, so that names and numbers mean the same in both places.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "probe/question.h"
#include "query/entry.h"
#include "query/key_target.h"
#include "query/live_view.h"
#include "query/wanted_flows.h"

namespace microcloud {

/// One question. Used by one thread at a time: at_cut() between question() and the first add().
class PointAnswer {
 public:
  PointAnswer(const LiveView& view, const std::vector<std::string>& keys);

  FlowQuestion question() const;
  /// At the moment of the cut.
  void at_cut();
  /// In the same call: a record that is on its way to the writer.
  void keep(const RecordRef& record);
  void add(const Common& common, const FlowRecord& flow);
  /// After the last flow.
  void finish();
  /// Of a key that was asked for.
  const Entry& entry(std::string_view key) const;

 private:
  struct Asked {
    KeyTarget target;  // its name points into the key
    Entry entry;
    int64_t batch = 0;     // that the entry stands at
    uint64_t applied = 0;  // kAppliedField
  };
  void look_at(const CloudWriter::Unacknowledged& now);
  void stamp(Asked& asked) const;
  void add_learnt(Asked& asked) const;
  AccountingView accounting_view();
  void account(const RecordRef& record);
  void set_flow(const Common& common, const FlowRecord& flow);
  Entry probe_entry() const;

  const LiveView& view_;
  std::unordered_map<std::string, Asked, TextHash, std::equal_to<>> asked_;
  std::unordered_set<IpAddress, IpAddressHash> hosts_;
  std::string flow_prefix_;
  bool wants_flows_ = false;
  bool wants_others_ = false;  // and there may be hosts without a key
  std::shared_ptr<const WantedFlows> filter_;

  // Of the cut.
  int64_t batch_ = 0;
  int64_t last_ = 0;
  bool is_cluster_ = false;
  std::unordered_map<IpAddress, KnownHost, IpAddressHash> known_;
  std::deque<std::shared_ptr<const Batch>> batches_;
  std::deque<std::shared_ptr<const Batch>> urgent_batches_;
  struct Kept {
    const RecordType* type;
    Common common;
    std::unique_ptr<std::byte[]> body;
  };
  std::vector<Kept> kept_;
  /// By the SYNs of open flows, of which nobody was told yet.
  std::unordered_map<IpAddress, SystemSamples, IpAddressHash> systems_;

  MergeBuffer waiting_;  // what came behind the batches
  MergeBuffer buffer_;
  std::unique_ptr<Accounting> accounting_;
};

/// The fields of a flow's record as texts, and those that every record has.
Entry::Fields flow_fields(Common common, const FlowRecord& flow, std::string_view probe_id);

}  // namespace microcloud
