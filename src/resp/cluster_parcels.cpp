// What was given to Cluster::send(), until it is answered: to the slot's owner, or where a server redirects to.
#include <algorithm>

#include "resp/cluster_core.h"

namespace microcloud::resp {
namespace {

constexpr unsigned kMostRedirections = 8;
constexpr size_t kMostWaiting = 10'000;
constexpr std::chrono::milliseconds kPause{50};

/// EXEC only says that something was wrong: the first error says what.
const Value* first_error(const std::vector<Value>& replies) {
  const auto found = std::find_if(replies.begin(), replies.end(), [](const Value& one) { return one.is_error(); });
  return found == replies.end() ? nullptr : &*found;
}

}  // namespace

void Cluster::Core::dispatch(std::shared_ptr<Parcel> parcel) {
  const NodeId to = parcel->asking != kNoNode ? parcel->asking : owners[parcel->slot];
  Node* node = find(to);
  if (node == nullptr || !node->client->ready())
    return wait(parcel, {Outcome::Retry, {}, node == nullptr ? "the slot has no master" : "not connected"});
  parcel->sent_to = to;
  Commands commands;
  if (parcel->asking != kNoNode) commands.add("ASKING");
  commands.append(parcel->bytes, parcel->count);
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(parcel->until - Clock::now());
  node->client->send(
      std::move(commands),
      [weak = weak_from_this(), parcel, to](Result result) {
        const auto self = weak.lock();
        if (self && !self->is_closed) self->on_result(parcel, to, std::move(result));
      },
      std::max(left, std::chrono::milliseconds(1)));
}

void Cluster::Core::on_result(const std::shared_ptr<Parcel>& parcel, NodeId from, Result result) {
  if (parcel->asking != kNoNode && !result.replies.empty()) result.replies.erase(result.replies.begin());
  parcel->asking = kNoNode;
  if (result.outcome == Outcome::Retry) return wait(parcel, std::move(result));
  const Value* error = result.outcome == Outcome::Ok ? first_error(result.replies) : nullptr;
  if (error == nullptr) return parcel->done(std::move(result), from);
  const Node* node = find(from);
  const auto redirection = parse_redirection(*error, node == nullptr ? Endpoint() : node->endpoint);
  if (redirection && redirection->slot == parcel->slot) return redirect(parcel, *redirection);
  const std::string_view code = error_code(*error);
  if (code == "CLUSTERDOWN") refresh_in({});
  if (code != "TRYAGAIN" && code != "CLUSTERDOWN" && code != "LOADING" && code != "MASTERDOWN")
    return parcel->done(std::move(result), from);
  std::string why = error->text;
  wait(parcel, {Outcome::Retry, std::move(result.replies), std::move(why)});
}

void Cluster::Core::redirect(const std::shared_ptr<Parcel>& parcel, const Redirection& redirection) {
  const NodeId to = add_node(redirection.to);
  if (++parcel->redirected > kMostRedirections || to == kNoNode)
    return wait(parcel, {Outcome::Retry, {}, "servers send it from one to the other"});
  if (redirection.kind == Redirection::Kind::Ask) {
    parcel->asking = to;
  } else {
    move_slot(redirection.slot, to);
    if (is_closed) return;
  }
  dispatch(parcel);
}

void Cluster::Core::wait(const std::shared_ptr<Parcel>& parcel, Result result) {
  const bool no_room = waiting.size() >= kMostWaiting;
  if (no_room || Clock::now() + kPause >= parcel->until) {
    loop.post([weak = weak_from_this(), parcel, result = std::move(result)]() mutable {
      const auto self = weak.lock();
      if (self && !self->is_closed) parcel->done(std::move(result), parcel->sent_to);
    });
    return;
  }
  waiting.push_back(parcel);
  if (!retrying.set()) retrying.start(kPause, [this] { send_waiting(); });
}

void Cluster::Core::send_waiting() {
  std::list<std::shared_ptr<Parcel>> now;
  now.swap(waiting);
  for (const auto& parcel : now) {
    parcel->redirected = 0;
    dispatch(parcel);
    if (is_closed) return;
  }
}

void Cluster::send(Slot slot, const Commands& commands, Done done, std::chrono::milliseconds patience) {
  auto parcel = std::make_shared<Core::Parcel>();
  parcel->slot = slot;
  parcel->bytes = commands.bytes();
  parcel->count = commands.count();
  parcel->done = std::move(done);
  parcel->until = Core::Clock::now() + patience;
  core_->dispatch(std::move(parcel));
}

}  // namespace microcloud::resp
