// What the cloud has and what is still in the probes, as one answer: a key's counters in the node and on each probe's
// face add up, and nothing is counted twice.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cloud/merged_values.h"
#include "cloud/store.h"

namespace microcloud {

struct Answer {
  std::string key;
  KeyKind kind = KeyKind::None;
  /// Hash: fields and values; sorted set: members and scores, the largest first; set, list: members; text: the text.
  Values values;
  /// Of a stream, the latest first: ids, and fields and values.
  std::vector<std::pair<std::string, Values>> entries = {};
  /// False: the node and a probe's face did not come to stand at one batch while they were asked, so that what was on
  /// its way between them may be counted twice; or a probe could not be asked, and what is open in it is missing.
  bool exact = true;
};

/// Whether keys of this name hold counters that probes share; else one of the answers is taken, the node's first.
bool is_counted(std::string_view key, std::string_view realm);

/// What a probe's last heartbeat said.
struct ProbeFacts {
  std::string id;
  bool alive = false;   // it has not ended, and beat within the last seconds
  bool silent = false;  // the same, but for the last minute: its heart may beat where the node does not hear it
  std::string listen;   // its face; empty: it has none
  Values heartbeat;
};

/// All whose heartbeat has not expired, by name.
std::vector<ProbeFacts> known_probes(Store& cloud, const std::string& realm);

class MergedView {
 public:
  /// `faces`: of the probes of this realm, with their names. All must outlive the view. `is_whole`: these are all.
  struct Face {
    std::string probe;
    Store* store;
  };
  MergedView(Store& cloud, std::vector<Face> faces, std::string realm, bool is_whole = true);

  bool is_whole() const { return is_whole_; }

  /// Names that match the pattern, anywhere; each once. `type` as TYPE says it; empty: any.
  std::vector<std::string> keys(const std::string& pattern, const std::string& type);
  /// In the order of the keys. Each stands for itself: they need not be of one moment. Of a stream so many of its last
  /// entries. Throws std::runtime_error for a type that is not known here.
  std::vector<Answer> get(const std::vector<std::string>& keys, size_t entries = 20);

  using Sums = std::unordered_map<std::string, uint64_t>;
  using SummedFields = std::array<const char*, 2>;
  /// What these fields of each key `TREE.*` add up to, found by asking everybody for everything, one after the other:
  /// what moves meanwhile may be missing.
  Sums sums(const std::string& tree, const SummedFields& fields);

 private:
  struct Standing {
    std::string ledger;
    std::string batch;
    std::string last;  // batch that the face had made
    std::string batch_after;
  };
  bool meet(const Standing& face, const Standing& cloud, const resp::Value& of_face, const resp::Value& of_cloud) const;
  std::vector<KeyKind> kinds(const std::vector<std::string>& keys);
  std::vector<Answer> ask(const std::vector<std::string>& keys, const std::vector<KeyKind>& kinds, bool twice);
  struct FaceReading {
    Standing standing;
    std::vector<resp::Value> replies;  // one a key
  };
  std::vector<FaceReading> ask_faces(const std::vector<std::string>& keys, const std::vector<KeyKind>& kinds);
  static void add_sums(Store& store, const std::vector<std::string>& names, const SummedFields& fields, Sums& sums);
  FaceReading ask_face(const Face& face, const std::vector<std::string>& keys, const std::vector<KeyKind>& kinds) const;
  /// One reply a key; and, of a node, what each probe's ledger holds.
  struct CloudReading {
    std::vector<resp::Value> replies;
    std::vector<Standing> standings;
  };
  CloudReading ask_cloud(const std::vector<std::string>& keys, const std::vector<KeyKind>& kinds);

  Store& cloud_;
  std::vector<Face> faces_;
  std::vector<std::string> ledgers_;  // of the faces' probes, as they said last
  std::string realm_;
  bool is_whole_;
  size_t entries_ = 0;  // of a stream
};

}  // namespace microcloud
