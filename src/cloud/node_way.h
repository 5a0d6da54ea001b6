// The way to one Redis master, that of a URL or the one that sentinels name: one connection, one lane.
#pragma once

#include <memory>

#include "cloud/update_way.h"
#include "net/loop.h"
#include "resp/url.h"

namespace microcloud {

class NodeWay final : public UpdateWay, private LaneLink {
 public:
  /// `answered`: the server has answered something.
  NodeWay(Loop& loop, const resp::Url& url, resp::ClientSettings client, LaneSettings lane, PieceSource& source,
          std::function<void(const Lane&)> answered);

  void start(int64_t now_ms) override;
  void tick(int64_t now_ms) override;
  WayStatus status() const override;
  void send(std::string_view key, const resp::Commands& commands, resp::Client::Done done) override;
  void count_keys(std::function<void(uint64_t)> done) override;

 private:
  void send(resp::Commands commands, Done done) override;
  void reconnect(const std::string& why) override { client_->reconnect(why); }
  void on_state(resp::ClientEvents::State state, const std::string& why);
  void on_schema(const resp::Result& result);

  const resp::Url url_;
  const std::function<void(const Lane&)> answered_;
  Lane lane_;
  std::unique_ptr<resp::Client> client_;
  std::string why_down_;
  std::string fatal_;
  int64_t schema_ = 0;
  bool was_up_ = false;
  int64_t now_ms_ = 0;
};

}  // namespace microcloud
