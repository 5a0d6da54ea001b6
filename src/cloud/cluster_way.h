// The way to the masters of a Redis Cluster: a connection to each, and one lane for all.
#pragma once

#include <mutex>

#include "cloud/cluster_lane.h"
#include "cloud/update_way.h"
#include "resp/url.h"

namespace microcloud {

/// Where the last number stands that an earlier life of a writer has used: a field of a hash.
struct EarlierLife {
  std::string key;
  std::string field;
};

class ClusterWay final : public UpdateWay, private ClusterLink {
 public:
  ClusterWay(Loop& loop, const resp::Url& url, resp::ClientSettings client, LaneSettings lane, EarlierLife earlier,
             UnitSource& source);

  void start(int64_t now_ms) override;
  void tick(int64_t now_ms) override;
  WayStatus status() const override;
  void send(std::string_view key, const resp::Commands& commands, resp::Client::Done done) override;
  void count_keys(std::function<void(uint64_t)> done) override;
  void hold_still(const std::function<void(const ClusterLane* lane)>& at) const override;

 private:
  void send(resp::NodeId node, resp::Commands commands, Done done) override;
  resp::NodeId owner(resp::Slot slot) const override { return cluster_.owner(slot); }
  resp::NodeId heed(resp::NodeId by, const resp::Value& error) override;
  void change_lane(const std::function<void()>& how);
  void on_node(resp::NodeId node, resp::ClientEvents::State state);
  void begin();
  void on_schema(const resp::Result& result);
  void on_earlier_life(const resp::Result& result);

  Loop& loop_;
  const resp::Url url_;
  const EarlierLife earlier_;
  mutable std::recursive_mutex lane_mutex_;  // what the lane hears may make the cluster tell it more
  ClusterLane lane_;
  resp::Cluster cluster_;
  bool beginning_ = false;
  std::string trouble_;  // of the beginning
  std::string fatal_;
  int64_t schema_ = 0;
  int64_t now_ms_ = 0;
};

}  // namespace microcloud
