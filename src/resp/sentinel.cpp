#include "resp/sentinel.h"

#include <algorithm>
#include <utility>

namespace microcloud::resp {
namespace {

using Found = std::function<void(std::optional<Endpoint>, const std::string& why)>;

class Sentinels : public std::enable_shared_from_this<Sentinels> {
 public:
  Sentinels(Loop& loop, std::vector<Endpoint> sentinels, std::string master_name, ClientSettings settings)
      : loop_(loop),
        sentinels_(std::move(sentinels)),
        master_name_(std::move(master_name)),
        settings_(std::move(settings)) {}

  /// A question that is still open is given up.
  void ask(Found found) {
    found_ = std::move(found);
    why_.clear();
    at_ = 0;
    ask_next();
  }

 private:
  void ask_next() {
    ++question_;
    if (at_ == sentinels_.size()) return finish(std::nullopt, "no sentinel knows " + master_name_ + ": " + why_);
    ClientEvents events;
    events.state = [this, mine = question_](ClientEvents::State state, const std::string& why) {
      if (mine != question_) return;
      if (state == ClientEvents::State::Ready) return put_question();
      give_up(why);
    };
    client_ = std::make_unique<Client>(loop_, located_at(sentinels_[at_]), settings_, std::move(events));
    client_->start();
  }

  void put_question() {
    Commands commands;
    commands.add("SENTINEL", "GET-MASTER-ADDR-BY-NAME", master_name_);
    client_->send(
        std::move(commands),
        [this, mine = question_](Result result) {
          if (mine != question_) return;
          if (result.outcome != Outcome::Ok) return give_up(sentinels_[at_].text() + ": " + result.why);
          answered(result.replies[0]);
        },
        settings_.connect_patience);
  }

  void answered(const Value& reply) {
    const std::string who = sentinels_[at_].text() + ": ";
    if (reply.is_error()) return give_up(who + reply.text);
    if (reply.elements.size() < 2) return give_up(who + "knows no such master");
    const auto port = reply.elements[1].as_integer();
    if (!reply.elements[0].has_text() || !port || *port < 1 || *port > 65535) return give_up(who + "gives no address");
    // The next question goes to who answered.
    std::rotate(sentinels_.begin(), sentinels_.begin() + static_cast<std::ptrdiff_t>(at_), sentinels_.end());
    finish(Endpoint{reply.elements[0].text, static_cast<uint16_t>(*port)}, {});
  }

  void give_up(const std::string& why) {
    why_ = why;
    ++at_;
    ++question_;
    // Not from inside of the client that is to go.
    loop_.post([weak = weak_from_this(), mine = question_] {
      if (const auto self = weak.lock(); self && self->question_ == mine) self->ask_next();
    });
  }

  void finish(std::optional<Endpoint> endpoint, const std::string& why) {
    ++question_;
    const Found found = std::exchange(found_, nullptr);
    client_.reset();
    if (found) found(std::move(endpoint), why);
  }

  Loop& loop_;
  std::vector<Endpoint> sentinels_;
  std::string master_name_;
  ClientSettings settings_;
  std::unique_ptr<Client> client_;
  Found found_;
  std::string why_;
  size_t at_ = 0;
  uint64_t question_ = 0;
};

}  // namespace

Locator located_by_sentinels(Loop& loop, std::vector<Endpoint> sentinels, std::string master_name,
                             ClientSettings settings) {
  auto asked = std::make_shared<Sentinels>(loop, std::move(sentinels), std::move(master_name), std::move(settings));
  return [asked](Found found) { asked->ask(std::move(found)); };
}

Locator located_by(Loop& loop, const Url& url, std::shared_ptr<const StreamTls> tls) {
  if (url.kind != Url::Kind::Sentinel) return located_at(url.endpoints.front());
  return located_by_sentinels(loop, url.endpoints, url.master_name, {.tls = std::move(tls)});
}

}  // namespace microcloud::resp
