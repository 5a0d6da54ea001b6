#include "cloud/cluster_way.h"

namespace microcloud {
namespace {

using resp::NodeId;
using resp::Outcome;
using resp::Result;

constexpr std::chrono::milliseconds kPatience{2'000};

/// The first error; empty: there is none, and all was answered.
std::string trouble_of(const Result& result) {
  if (result.outcome != Outcome::Ok) return result.why;
  for (const resp::Value& reply : result.replies) {
    if (reply.is_error()) return reply.text;
  }
  return {};
}

}  // namespace

ClusterWay::ClusterWay(Loop& loop, const resp::Url& url, resp::ClientSettings client, LaneSettings lane,
                       EarlierLife earlier, UnitSource& source)
    : loop_(loop),
      url_(url),
      earlier_(std::move(earlier)),
      lane_(std::move(lane), source, *this),
      cluster_(loop, url.endpoints, {.client = std::move(client)},
               {[this](NodeId node, resp::ClientEvents::State state, const std::string&) { on_node(node, state); },
                [this] { change_lane([this] { lane_.mapped(); }); }}) {}

void ClusterWay::change_lane(const std::function<void()>& how) {
  const std::lock_guard lock(lane_mutex_);
  how();
}

void ClusterWay::hold_still(const std::function<void(const ClusterLane* lane)>& at) const {
  const std::lock_guard lock(lane_mutex_);
  at(&lane_);
}

void ClusterWay::start(int64_t now_ms) {
  now_ms_ = now_ms;
  cluster_.start();
}

void ClusterWay::tick(int64_t now_ms) {
  now_ms_ = now_ms;
  if (!lane_.begun() && !beginning_ && fatal_.empty() && cluster_.masters_ready() > 0) begin();
  change_lane([this] { lane_.tick(now_ms_); });
}

WayStatus ClusterWay::status() const {
  WayStatus status;
  const bool ready = cluster_.ready();
  status.connected = ready && lane_.begun();
  status.trouble = !ready ? cluster_.trouble() : lane_.begun() ? lane_.trouble() : trouble_;
  status.fatal = fatal_;
  status.schema = schema_;
  tell_lane(status, lane_);
  return status;
}

void ClusterWay::send(std::string_view key, const resp::Commands& commands, resp::Client::Done done) {
  const bool single = commands.count() == 1;
  resp::Commands whole;  // a slot on its way to another server serves several commands only so
  if (!single) whole.add("MULTI");
  whole.append(commands);
  if (!single) whole.add("EXEC");
  cluster_.send(
      resp::slot_of(key), whole,
      [single, done = std::move(done)](Result result, NodeId) {
        if (!single && result.outcome == Outcome::Ok && !result.replies.back().is_error())
          result.replies = std::vector<resp::Value>(result.replies.back().elements);
        done(std::move(result));
      },
      kPatience);
}

void ClusterWay::count_keys(std::function<void(uint64_t)> done) {
  struct Sum {
    size_t left;
    uint64_t keys = 0;
    std::function<void(uint64_t)> done;
  };
  const std::vector<NodeId> masters = cluster_.ready_masters();
  auto sum = std::make_shared<Sum>(Sum{masters.size(), 0, std::move(done)});
  for (const NodeId master : masters) {
    cluster_.client(master)->send(count_commands(), [sum](const Result& result) {
      if (result.outcome != Outcome::Ok) return;  // then it is not told this time
      sum->keys += volatile_keys(result.replies).value_or(0);
      if (--sum->left == 0) sum->done(sum->keys);
    });
  }
}

void ClusterWay::send(NodeId node, resp::Commands commands, Done done) {
  resp::Client* client = cluster_.client(node);
  if (client == nullptr)  // forgotten meanwhile
    return loop_.post([this, done = std::move(done)] { change_lane([&] { done(Outcome::Retry, {}); }); });
  client->send(std::move(commands), [this, done = std::move(done)](Result result) {
    change_lane([&] { done(result.outcome, std::move(result.replies)); });
  });
}

NodeId ClusterWay::heed(NodeId by, const resp::Value& error) {
  const resp::Client* client = cluster_.client(by);
  const auto redirection = resp::parse_redirection(error, client == nullptr ? Endpoint() : client->node().endpoint);
  if (!redirection) {
    cluster_.refresh();
    return resp::kNoNode;
  }
  if (redirection->kind == resp::Redirection::Kind::Ask) return cluster_.node_at(redirection->to);
  cluster_.heed(*redirection);
  return resp::kNoNode;
}

void ClusterWay::on_node(NodeId node, resp::ClientEvents::State state) {
  change_lane([&] {
    if (state == resp::ClientEvents::State::Down) return lane_.down(node);
    lane_.up(node, cluster_.client(node)->node(), now_ms_);
  });
}

/// Updates begin when the schema is known, and the numbers that an earlier life has used.
void ClusterWay::begin() {
  beginning_ = true;
  send("meta.schema", schema_commands(), [this](const Result& result) { on_schema(result); });
}

void ClusterWay::on_schema(const Result& result) {
  beginning_ = false;
  trouble_ = trouble_of(result);
  if (!trouble_.empty()) return;
  schema_ = result.replies.back().as_integer().value_or(0);
  fatal_ = schema_trouble(result.replies.back(), url_.text());
  if (!fatal_.empty()) return;
  beginning_ = true;
  resp::Commands commands;
  commands.add("HGET", earlier_.key, earlier_.field);
  send(earlier_.key, commands, [this](const Result& earlier) { on_earlier_life(earlier); });
}

void ClusterWay::on_earlier_life(const Result& result) {
  beginning_ = false;
  trouble_ = trouble_of(result);
  if (!trouble_.empty()) return;
  const auto above = static_cast<uint64_t>(std::max<int64_t>(0, result.replies[0].as_integer().value_or(0)));
  change_lane([&] { lane_.begin(above); });
}

}  // namespace microcloud
