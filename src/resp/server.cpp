#include "resp/server.h"

#include <utility>

#include "resp/glob.h"
#include "resp/session.h"

namespace microcloud::resp {
namespace {

constexpr std::chrono::seconds kHandshake{5};

}  // namespace

Reply::Reply(std::shared_ptr<Session> session, uint64_t number)
    : session_(std::move(session)), number_(number), protocol_(session_->protocol()), user_(session_->user()) {}

Reply::~Reply() {
  if (!session_) return;
  bytes_.clear();
  writer().error("ERR no answer was given");
  send();
}

void Reply::send() {
  const auto session = std::exchange(session_, nullptr);
  if (session) session->complete(number_, std::move(bytes_));
}

void Server::Core::came(std::unique_ptr<Stream> stream) {
  counts.accepted.add();
  if (sessions.size() >= settings.most_clients) return refuse(std::move(stream));
  const uint64_t id = next_id++;
  auto session = std::make_shared<Session>(*this, id, std::move(stream));
  sessions.emplace(id, session);
  counts.clients.set(sessions.size());
  session->start();
}

/// Those for whom there is no room are told so, as long as they are not too many at once.
void Server::Core::refuse(std::unique_ptr<Stream> stream) {
  counts.refused.add();
  constexpr size_t kMost = 64;
  if (refused.size() >= kMost || settings.tls) return;
  const uint64_t id = next_id++;
  Stream& kept = *refused.emplace(id, std::move(stream)).first->second;
  const auto drop = [this, id] { refused.erase(id); };
  kept.accept(nullptr, kHandshake,
              {[&kept] { kept.send("-ERR max number of clients reached\r\n"); }, [](Bytes) {},
               [drop](const std::string&) { drop(); }, drop});
}

void Server::Core::gone(uint64_t id) {
  const auto found = sessions.find(id);
  if (found == sessions.end()) return;
  const auto session = found->second;
  sessions.erase(found);
  counts.clients.set(sessions.size());
  session->leave();
}

Server::Server(Loop& loop, ServerSettings settings, Handler handler)
    : core_(std::make_shared<Core>(loop, std::move(settings), std::move(handler))) {
  core_->acceptor = std::make_unique<Acceptor>(
      loop, core_->settings.address, core_->settings.ports_to_try,
      [core = core_.get()](std::unique_ptr<Stream> stream) { core->came(std::move(stream)); });
}

Server::~Server() {
  core_->acceptor.reset();
  while (!core_->sessions.empty()) core_->gone(core_->sessions.begin()->first);
}

uint16_t Server::port() const {
  return core_->acceptor->port();
}

const ServerCounts& Server::counts() const {
  return core_->counts;
}

size_t Server::publish(std::string_view channel, std::string_view message) {
  size_t count = 0;
  const auto give = [&](Session& session, std::string_view pattern) {
    std::string bytes;
    ReplyWriter writer(bytes, session.protocol());
    writer.push(pattern.empty() ? 3 : 4);
    writer.bulk(pattern.empty() ? "message" : "pmessage");
    if (!pattern.empty()) writer.bulk(pattern);
    writer.bulk(channel);
    writer.bulk(message);
    session.push(std::move(bytes));
    ++count;
  };
  // Who does not read is disconnected on the way, and leaves the sets: so over copies of them.
  if (const auto found = core_->channels.find(channel); found != core_->channels.end()) {
    for (Session* session : std::set<Session*>(found->second)) give(*session, {});
  }
  const auto patterns = core_->patterns;
  for (const auto& [pattern, sessions] : patterns) {
    if (!glob_matches(pattern, channel)) continue;
    for (Session* session : sessions) {
      const auto still = core_->patterns.find(pattern);
      if (still != core_->patterns.end() && still->second.contains(session)) give(*session, pattern);
    }
  }
  return count;
}

}  // namespace microcloud::resp
