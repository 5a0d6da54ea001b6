#include "cloud/asked_server.h"

#include <utility>

#include "base/log.h"

namespace microcloud {
namespace {

using resp::Outcome;

constexpr auto kPatienceForTracking = std::chrono::milliseconds(2'000);

}  // namespace

AskedServer::AskedServer(Loop& loop, OwnerDesk& desk, std::string name, std::function<void()> changed)
    : desk_(desk),
      name_(std::move(name)),
      changed_(std::move(changed)),
      breaker_(desk.settings.breaker),
      pause_(loop) {}

void AskedServer::set_answers(bool answers) {
  if (std::exchange(answers_, answers) != answers) changed_();
}

/// Of changes of all owners, asked for or not: to tell of those that were asked for, the server would have to remember
/// each, a million and 130 MB of them, and a flood of forged addresses would fill it.
void AskedServer::up(resp::Client& client) {
  client_ = &client;
  desk_.counts.connects.add();
  resp::Commands commands;
  const std::string realm = realm_prefix(desk_.settings.realm);
  commands.start(6 + 2 * desk_.settings.watched.size());
  for (const char* const word : {"CLIENT", "TRACKING", "ON", "BCAST", "PREFIX"}) commands.argument(word);
  commands.argument(realm + "identity.");
  for (const std::string& tree : desk_.settings.watched) {
    commands.argument("PREFIX");
    commands.argument(realm + tree);
  }
  client.send(
      std::move(commands),
      [this](const resp::Result& result) {
        if (client_ == nullptr || !client_->ready()) return;
        if (result.outcome == Outcome::Ok) return ready(!result.replies[0].is_error());
        client_->reconnect("it does not answer");
      },
      kPatienceForTracking);
}

/// Without its connection nothing tells that a key has changed.
void AskedServer::down() {
  client_ = nullptr;
  pause_.cancel();
  set_answers(false);
}

void AskedServer::ready(bool tracked) {
  tracked_ = tracked;
  if (!tracked) desk_.say_untracked();
  if (breaker_.open()) log_info("the MicroCloud at " + name_ + " answers again who owns an address");
  breaker_.close();
  set_answers(true);
}

void AskedServer::late(uint64_t go, const std::string& why) {
  if (client_ == nullptr || !client_->ready() || std::exchange(late_go_, go) == go || !breaker_.failed()) return;
  desk_.counts.opened.add();
  log_warning("the MicroCloud at " + name_ + " is slow to answer, users are not asked for: " + why);
  pause_.start(breaker_.pause(), [this] { try_again(); });
  set_answers(false);
}

/// Half open: one trial, which costs no record anything.
void AskedServer::try_again() {
  resp::Commands commands;
  commands.add("PING");
  client_->send(
      std::move(commands),
      [this](const resp::Result& result) {
        if (client_ == nullptr || !client_->ready()) return;  // the next connection decides
        if (result.outcome == Outcome::Ok) return ready(tracked_);
        breaker_.trial_failed();
        pause_.start(breaker_.pause(), [this] { try_again(); });
      },
      desk_.settings.deadline);
}

}  // namespace microcloud
