#include "cloud/owner_node_way.h"

#include <utility>

#include "resp/sentinel.h"

namespace microcloud {
namespace {

using resp::Outcome;

constexpr size_t kRepliesAKey = 2;
constexpr size_t kAtOnce = 32;  // questions whose answers are awaited together

resp::ClientSettings client_settings(resp::ClientSettings settings) {
  settings.master_only = true;  // another one may not have heard of the last change
  settings.protocol = resp::Protocol::Resp3;
  return settings;
}

}  // namespace

OwnerNodeWay::OwnerNodeWay(Loop& loop, OwnerDesk& desk)
    : desk_(desk),
      server_(loop, desk, desk.settings.url.text(),
              [this] {
                desk_.answers.store(server_.answers(), std::memory_order_release);
                desk_.all_answer.store(server_.answers(), std::memory_order_release);
              }),
      client_(loop, resp::located_by(loop, desk.settings.url, desk.settings.client.tls),
              client_settings(desk.settings.client),
              {[this](resp::ClientEvents::State state, const std::string&) { on_state(state); },
               [this](const resp::Value& push) { desk_.heed(push, kEveryServer); }}) {}

void OwnerNodeWay::on_state(resp::ClientEvents::State state) {
  if (state == resp::ClientEvents::State::Ready) return server_.up(client_);
  server_.down();
  desk_.tell_all_changed(kEveryServer);
}

void OwnerNodeWay::ask(std::vector<OwnerQuestion> questions) {
  for (size_t from = 0; from < questions.size(); from += kAtOnce) {
    const auto begin = questions.begin() + static_cast<std::ptrdiff_t>(from);
    const auto end = begin + static_cast<std::ptrdiff_t>(std::min(kAtOnce, questions.size() - from));
    std::vector<OwnerQuestion> some(std::make_move_iterator(begin), std::make_move_iterator(end));
    resp::Commands commands;
    for (const OwnerQuestion& question : some) {
      for (const std::string& key : desk_.keys_of(question)) OwnerDesk::add_commands(commands, question, key);
    }
    client_.send(
        std::move(commands),
        [this, go = ++go_, some = std::move(some)](const resp::Result& result) { on_answers(go, some, result); },
        desk_.settings.deadline);
  }
}

void OwnerNodeWay::on_answers(uint64_t go, const std::vector<OwnerQuestion>& questions, const resp::Result& result) {
  const bool ok = result.outcome == Outcome::Ok;
  std::vector<OwnerNews> news;
  size_t at = 0;
  for (const OwnerQuestion& question : questions) {
    std::vector<KeyAnswer> keys(OwnerDesk::keys(question));
    for (KeyAnswer& key : keys) {
      if (!ok) break;
      key = desk_.read(question, result.replies[at], &result.replies[at + 1]);
      key.tracked = server_.tracked();
      at += kRepliesAKey;
    }
    news.push_back(OwnerDesk::conclude(question, keys));
  }
  desk_.tell(std::move(news));
  if (ok) return server_.answered();
  desk_.counts.late.add(questions.size());
  server_.late(go, result.why);
}

}  // namespace microcloud
