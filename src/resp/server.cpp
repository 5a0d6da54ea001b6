#include "resp/server.h"

#include <algorithm>
#include <utility>

#include "resp/glob.h"
#include "resp/session.h"

namespace microcloud::resp {
namespace {

constexpr std::chrono::seconds kHandshake{5};
constexpr size_t kMostAudiences = 1024;

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

uint64_t Reply::client() const {
  return session_->id();
}

bool Reply::is_wanted() const {
  return session_->is_here();
}

void Server::Core::came(std::unique_ptr<Stream> stream) {
  counts.accepted.add();
  if (sessions.size() >= settings.most_clients && !displace_stranger()) return refuse(std::move(stream));
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

bool Server::Core::displace_stranger() {
  if (!settings.authenticate) return false;
  const auto now = std::chrono::steady_clock::now();
  // In the order in which they came.
  for (const auto& [id, session] : sessions) {
    if (now - session->since() < settings.strangers_stay) return false;
    if (session->is_authenticated()) continue;
    counts.displaced.add();
    gone(id);
    return true;
  }
  return false;
}

void Server::Core::relieve() {
  while (memory > settings.most_memory) {
    const auto most = std::max_element(sessions.begin(), sessions.end(), [](const auto& a, const auto& b) {
      return a.second->weight() < b.second->weight();
    });
    if (most == sessions.end()) return;
    most->second->evict();
  }
}

Server::Core::Audience Server::Core::audience(std::string_view channel) {
  if (const auto known = audiences.find(channel); known != audiences.end()) return known->second;
  std::vector<Listener> listeners;
  const auto add = [&](const std::set<Session*>& who, const std::string& pattern) {
    for (Session* session : who) listeners.push_back({session->shared_from_this(), pattern});
  };
  if (const auto found = channels.find(channel); found != channels.end()) add(found->second, {});
  for (const auto& [pattern, who] : patterns) {
    if (glob_matches(pattern, channel)) add(who, pattern);
  }
  if (audiences.size() >= kMostAudiences) audiences.clear();
  return audiences[std::string(channel)] = std::make_shared<const std::vector<Listener>>(std::move(listeners));
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
  core_->audiences.clear();
}

uint16_t Server::port() const {
  return core_->acceptor->port();
}

const ServerCounts& Server::counts() const {
  return core_->counts;
}

const Counter& Server::not_accepted() const {
  return core_->acceptor->failures();
}

void Server::use_tls(std::shared_ptr<const StreamTls> tls) {
  core_->settings.tls = std::move(tls);
}

void Server::disconnect(const std::function<bool(std::string_view user)>& whom) {
  std::vector<uint64_t> ids;
  for (const auto& [id, session] : core_->sessions) {
    if (session->is_authenticated() && whom(session->user())) ids.push_back(id);
  }
  for (const uint64_t id : ids) core_->gone(id);
}

size_t Server::publish(std::string_view channel, std::string_view message) {
  // Who does not read is disconnected on the way, which makes other audiences.
  const Core::Audience audience = core_->audience(channel);
  size_t count = 0;
  for (const auto& [session, pattern] : *audience) {
    if (!session->is_here()) continue;
    std::string bytes;
    ReplyWriter writer(bytes, session->protocol());
    writer.push(pattern.empty() ? 3 : 4);
    writer.bulk(pattern.empty() ? "message" : "pmessage");
    if (!pattern.empty()) writer.bulk(pattern);
    writer.bulk(channel);
    writer.bulk(message);
    session->push(std::move(bytes));
    ++count;
  }
  return count;
}

}  // namespace microcloud::resp
