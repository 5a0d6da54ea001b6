#include "cloud/node_way.h"

#include "resp/sentinel.h"

namespace microcloud {

using resp::Outcome;
using resp::Result;

NodeWay::NodeWay(Loop& loop, const resp::Url& url, resp::ClientSettings client, LaneSettings lane, PieceSource& source,
                 std::function<void(const Lane&)> answered)
    : url_(url), answered_(std::move(answered)), lane_(std::move(lane), source, *this) {
  resp::ClientEvents events;
  events.state = [this](resp::ClientEvents::State state, const std::string& why) { on_state(state, why); };
  client.master_only = true;
  resp::Locator locator = resp::located_by(loop, url, client.tls);
  client_ = std::make_unique<resp::Client>(loop, std::move(locator), std::move(client), std::move(events));
}

void NodeWay::start(int64_t now_ms) {
  now_ms_ = now_ms;
  client_->start();
}

void NodeWay::tick(int64_t now_ms) {
  now_ms_ = now_ms;
  lane_.tick(now_ms);
}

WayStatus NodeWay::status() const {
  WayStatus status;
  status.connected = client_->ready();
  status.trouble = status.connected ? lane_.trouble() : why_down_;
  status.fatal = fatal_;
  status.schema = schema_;
  tell_lane(status, lane_);
  return status;
}

void NodeWay::send(resp::Commands commands, Done done) {
  client_->send(std::move(commands), [this, done = std::move(done)](Result result) {
    done(result.outcome, std::move(result.replies));
    answered_(lane_);
  });
}

void NodeWay::send(std::string_view, const resp::Commands& commands, resp::Client::Done done) {
  resp::Commands copy = commands;
  client_->send(std::move(copy), std::move(done));
}

void NodeWay::count_keys(std::function<void(uint64_t)> done) {
  client_->send(count_commands(), [done = std::move(done)](const Result& result) {
    if (result.outcome != Outcome::Ok) return;
    if (const auto keys = volatile_keys(result.replies)) done(*keys);
  });
}

void NodeWay::on_state(resp::ClientEvents::State state, const std::string& why) {
  if (state == resp::ClientEvents::State::Down) {
    lane_.down();
    why_down_ = why;
    return;
  }
  client_->send(schema_commands(), [this](const Result& result) { on_schema(result); });
}

void NodeWay::on_schema(const Result& result) {
  if (result.outcome != Outcome::Ok || !client_->ready()) return;  // the connection broke
  schema_ = result.replies.back().as_integer().value_or(0);
  const std::string trouble = schema_trouble(result.replies.back(), url_.text());
  if (!trouble.empty() && was_up_) return client_->reconnect(trouble);  // it may be mended: what waits is not given up
  fatal_ = trouble;
  if (!fatal_.empty()) return;
  was_up_ = true;
  lane_.up(now_ms_);
}

}  // namespace microcloud
