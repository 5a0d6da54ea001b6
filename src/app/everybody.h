// Whom microcloud query asks: the MicroCloud, and the face of each live probe.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "app/cloud_access.h"
#include "app/query_options.h"
#include "cloud/merged_view.h"

namespace microcloud {

/// On one thread.
class Everybody {
 public:
  /// Throws UsageError.
  explicit Everybody(const QueryOptions& options);

  Store& cloud() { return *cloud_; }
  /// A connection for channels: every server of a cluster has every message.
  std::unique_ptr<Store> open_channels() const;
  std::vector<ProbeFacts> probes() { return known_probes(*cloud_, options_.cloud.realm); }
  /// Finds the probes anew, and lasts until the next one. Throws std::runtime_error.
  MergedView view();
  /// Throws std::runtime_error when what --cloud names is a probe's face: that is not asked as a MicroCloud is, and
  /// would be asked twice for the same.
  void check_is_no_probe();
  /// Of the last look, the probes that could not be asked, and why.
  const std::map<std::string, std::string>& missing() const { return missing_; }

  struct Face {
    std::string probe;
    std::unique_ptr<Store> store;
  };
  /// Of live probes but these, whose faces can be asked.
  std::vector<Face> new_faces(const std::set<std::string>& known, const std::atomic<bool>& stop);

 private:
  std::unique_ptr<Store> open(const std::string& name, const resp::Url& url, resp::ClientSettings settings) const;
  /// Throws std::runtime_error.
  std::unique_ptr<Store> open_face(const ProbeFacts& probe) const;

  const QueryOptions& options_;
  CloudAccess access_;
  std::unique_ptr<Store> cloud_;
  std::string faces_password_;
  std::shared_ptr<const StreamTls> faces_tls_;
  std::vector<std::unique_ptr<Store>> faces_;
  std::map<std::string, std::string> missing_;
  bool is_known_to_be_cloud_ = false;
};

}  // namespace microcloud
