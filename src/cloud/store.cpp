#include "cloud/store.h"

#include <algorithm>
#include <set>
#include <stdexcept>

#include "resp/outcome.h"
#include "resp/sentinel.h"

namespace microcloud {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;
using resp::Commands;
using resp::Outcome;
using resp::Value;

constexpr milliseconds kTurn{1};
constexpr milliseconds kPause{20};  // before what cannot be answered now is asked again

/// Another try would be refused as well.
bool is_refusal(const std::string& why) {
  constexpr std::string_view kCodes[] = {"NOAUTH ", "WRONGPASS ", "NOPERM "};
  return std::any_of(std::begin(kCodes), std::end(kCodes),
                     [&why](std::string_view code) { return why.find(code) != std::string::npos; });
}

}  // namespace

Store::Store(std::string name, const resp::Url& url, resp::ClientSettings settings) : name_(std::move(name)) {
  resp::ClientEvents events;
  events.state = [this](resp::ClientEvents::State state, const std::string& why) {
    if (state != resp::ClientEvents::State::Down) return;
    why_down_ = why;
    was_down_ = true;
  };
  events.push = [this](const Value& value) {
    if (on_push_) on_push_(value);
  };
  if (url.kind == resp::Url::Kind::Cluster) {
    resp::ClusterSettings cluster;
    cluster.client = std::move(settings);
    cluster_ = std::make_unique<resp::Cluster>(loop_, url.endpoints, std::move(cluster), resp::ClusterEvents{});
    return;
  }
  settings.master_only = url.kind == resp::Url::Kind::Sentinel;
  resp::Locator locator = resp::located_by(loop_, url, settings.tls);
  client_ = std::make_unique<resp::Client>(loop_, std::move(locator), std::move(settings), std::move(events));
}

Store::~Store() = default;

void Store::fail(const std::string& why) const {
  throw std::runtime_error(name_ + ": " + why);
}

void Store::away(const std::string& why) const {
  throw StoreAway(name_ + ": " + why);
}

bool Store::connected() const {
  if (client_) return client_->ready();
  return cluster_->complete() && cluster_->masters_ready() == cluster_->masters();
}

void Store::wait(const std::function<bool()>& done) {
  const auto began = Clock::now();
  const auto why = [this] { return cluster_ && !cluster_->trouble().empty() ? cluster_->trouble() : why_down_; };
  const std::string before = why();
  while (!done()) {
    const auto waited = Clock::now() - began;
    // One of before may be over: there is time for another try.
    if (is_refusal(why()) && (why() != before || waited >= kConnectPatience / 2)) fail(why());
    if (waited >= kConnectPatience) away(why());
    loop_.run_for(kTurn);
  }
}

void Store::connect() {
  if (!started_) {
    if (client_) client_->start();
    if (cluster_) cluster_->start();
    started_ = true;
  }
  wait([this] { return connected(); });
}

std::vector<resp::Client*> Store::servers() {
  if (client_) return {client_.get()};
  std::set<resp::NodeId> owners;
  for (unsigned slot = 0; slot < resp::kSlots; ++slot) owners.insert(cluster_->owner(static_cast<resp::Slot>(slot)));
  std::vector<resp::Client*> found;
  for (const resp::NodeId node : owners) {
    resp::Client* client = cluster_->client(node);
    if (client == nullptr) away("the cluster changes just now");
    found.push_back(client);
  }
  return found;
}

/// Reads only, so that what is answered by an error of the moment is asked again as it stands.
std::vector<Value> Store::exchange(resp::Client& server, const Commands& commands) {
  const auto until = Clock::now() + kPatience;
  for (;;) {
    std::optional<resp::Result> result;
    Commands copy = commands;
    server.send(
        std::move(copy), [&result](resp::Result come) { result = std::move(come); }, kPatience);
    while (!result) loop_.run_for(kTurn);
    if (result->outcome != Outcome::Ok) away(result->why);
    const bool passes = std::any_of(result->replies.begin(), result->replies.end(),
                                    [](const Value& reply) { return resp::outcome_of(reply) == Outcome::Retry; });
    if (!passes || Clock::now() >= until) return std::move(result->replies);
    loop_.run_for(kPause);
  }
}

std::vector<std::vector<Value>> Store::ask(const std::vector<Question>& questions) {
  connect();
  return client_ ? ask_server(questions) : ask_cluster(questions);
}

std::vector<std::vector<Value>> Store::ask_server(const std::vector<Question>& questions) {
  Commands all;
  for (const Question& question : questions) all.append(question.commands);
  std::vector<std::vector<Value>> answers(questions.size());
  if (all.empty()) return answers;
  std::vector<Value> replies = exchange(*client_, all);
  auto reply = replies.begin();
  for (size_t at = 0; at < questions.size(); ++at) {
    const auto end = reply + static_cast<std::ptrdiff_t>(questions[at].commands.count());
    answers[at].assign(std::make_move_iterator(reply), std::make_move_iterator(end));
    reply = end;
  }
  return answers;
}

std::vector<std::vector<Value>> Store::ask_cluster(const std::vector<Question>& questions) {
  std::vector<std::vector<Value>> answers(questions.size());
  size_t left = questions.size();
  std::string why;
  for (size_t at = 0; at < questions.size(); ++at) {
    cluster_->send(
        resp::slot_of(questions[at].key), questions[at].commands,
        [&, at](resp::Result result, resp::NodeId) {
          if (result.outcome != Outcome::Ok && why.empty()) why = result.why;
          answers[at] = std::move(result.replies);
          --left;
        },
        kPatience);
  }
  // Each has an answer within its patience, a failed one if there is no other.
  while (left > 0) loop_.run_for(kTurn);
  if (!why.empty()) away(why);
  return answers;
}

std::vector<Value> Store::ask(std::string_view key, const Commands& commands) {
  return std::move(ask(std::vector<Question>{{std::string(key), commands}}).front());
}

void Store::scan(resp::Client& server, const std::string& pattern, const std::string& type,
                 std::vector<std::string>& found) {
  constexpr unsigned kAtOnce = 1'000;
  std::string cursor = "0";
  do {
    Commands commands;
    if (type.empty()) commands.add("SCAN", cursor, "MATCH", pattern, "COUNT", kAtOnce);
    if (!type.empty()) commands.add("SCAN", cursor, "MATCH", pattern, "COUNT", kAtOnce, "TYPE", type);
    const Value page = std::move(exchange(server, commands).front());
    if (page.is_error()) fail(page.text);
    if (page.elements.size() != 2 || page.elements[0].text.empty()) fail("its answer to SCAN is none");
    cursor = page.elements[0].text;
    for (const Value& name : page.elements[1].elements) found.push_back(name.text);
  } while (cursor != "0");
}

std::vector<std::string> Store::keys(const std::string& pattern, const std::string& type) {
  connect();
  std::vector<std::string> found;
  for (resp::Client* server : servers()) {
    const size_t before = found.size();
    scan(*server, pattern, type, found);
    if (!cluster_) continue;
    const auto gone = [&](const std::string& key) {
      return cluster_->client(cluster_->owner(resp::slot_of(key))) != server;
    };
    found.erase(std::remove_if(found.begin() + static_cast<std::ptrdiff_t>(before), found.end(), gone), found.end());
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

void Store::subscribe(const std::string& pattern, Heard heard) {
  connect();
  refused_.clear();
  was_down_ = false;
  on_push_ = [heard = std::move(heard)](const Value& value) {
    if (value.elements.size() == 4 && value.elements[0].is("pmessage"))
      heard(value.elements[2].text, value.elements[3].text);
  };
  Commands commands;
  commands.add("PSUBSCRIBE", pattern);
  client_->subscribe(std::move(commands), [this](const resp::Result& result) {
    if (result.outcome != Outcome::Ok) was_down_ = true;
    for (const Value& reply : result.replies)
      if (reply.is_error()) refused_ = reply.text;
  });
}

void Store::hear(milliseconds time) {
  loop_.run_for(time);
  if (!refused_.empty()) fail(refused_);
  if (was_down_ || !client_->ready()) away(why_down_);
}

}  // namespace microcloud
