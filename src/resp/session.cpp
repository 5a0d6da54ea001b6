#include "resp/session.h"

#include <utility>

namespace microcloud::resp {

Session::Session(Server::Core& server, uint64_t id, std::unique_ptr<Stream> stream)
    : server_(&server),
      loop_(server.loop),
      id_(id),
      stream_(std::move(stream)),
      decoder_(server.settings.authenticate ? CommandLimits::of_strangers() : server.settings.limits),
      is_authenticated_(!server.settings.authenticate) {}

void Session::start() {
  const auto with = [weak = weak_from_this()](auto&& then) {
    const auto self = weak.lock();
    if (self && self->server_ != nullptr) then(*self);
  };
  StreamEvents events;
  events.opened = [] {};
  events.received = [with](Bytes bytes) { with([bytes](Session& self) { self.received(bytes); }); };
  events.closed = [with](const std::string&) { with([](Session& self) { self.server_->gone(self.id_); }); };
  events.sent = [with] {
    with([](Session& self) {
      self.weigh();
      if (self.is_here() && self.ending_ && self.slots_.empty()) self.server_->gone(self.id_);
    });
  };
  stream_->accept(server_->settings.tls, std::chrono::seconds(5), std::move(events));
}

void Session::received(Bytes bytes) {
  if (ending_) return;
  decoder_.feed(bytes);
  process();
}

bool Session::may_ask() const {
  return slots_.size() < server_->settings.most_unanswered && asked_ < server_->settings.most_asked;
}

void Session::weigh() {
  if (server_ == nullptr) return;
  const size_t now = decoder_.memory() + asked_ + held_ + out_.size() + stream_->unsent() + subscribed_;
  server_->memory += now - weight_;
  weight_ = now;
  server_->counts.memory.set(server_->memory);
  if (server_->memory > server_->settings.most_memory) server_->relieve();
}

void Session::process() {
  if (processing_) return;
  processing_ = true;
  const auto self = shared_from_this();
  CommandView command;
  while (server_ != nullptr && !ending_ && may_ask()) {
    const Progress progress = decoder_.next(command);
    if (progress == Progress::More) break;
    if (progress == Progress::Malformed) {
      server_->counts.malformed.add();
      slots_.emplace_back();
      ending_ = true;
      std::string bytes;
      ReplyWriter(bytes, protocol_).error("ERR " + decoder_.wrong());
      finish(first_ + slots_.size() - 1, std::move(bytes));
      break;
    }
    dispatch(command);
  }
  processing_ = false;
  if (server_ == nullptr) return;
  stream_->read(!ending_ && may_ask());
  flush();
  weigh();
}

void Session::dispatch(const CommandView& command) {
  server_->counts.commands.add();
  constexpr size_t kWord = sizeof(std::string);
  size_t asked = 0;
  for (const std::string_view word : command) asked += kWord + word.size();
  slots_.push_back({{}, false, asked});
  asked_ += asked;
  const uint64_t number = first_ + slots_.size() - 1;
  std::string bytes;
  if (own_command(command, {bytes, protocol_})) return finish(number, std::move(bytes));
  server_->handler(command, Reply(shared_from_this(), number));
}

void Session::complete(uint64_t number, std::string bytes) {
  if (std::this_thread::get_id() == thread_) return finish(number, std::move(bytes));
  loop_.post([self = shared_from_this(), number, bytes = std::move(bytes)]() mutable {
    self->finish(number, std::move(bytes));
  });
}

void Session::finish(uint64_t number, std::string bytes) {
  if (server_ == nullptr || number < first_ || number - first_ >= slots_.size()) return;
  const size_t at = static_cast<size_t>(number - first_);
  const bool was_full = !may_ask();
  held_ += bytes.size();
  asked_ -= slots_[at].asked;
  slots_[at] = {std::move(bytes), true};
  while (!slots_.empty() && slots_.front().ready) {
    std::string& front = slots_.front().bytes;
    held_ -= front.size();
    if (out_.empty()) {
      out_ = std::move(front);
    } else {
      out_ += front;
    }
    slots_.pop_front();
    ++first_;
  }
  if (held_ + out_.size() + stream_->unsent() > server_->settings.most_unsent)
    return disconnect(server_->counts.overflowed);
  if (processing_) return;
  flush();
  weigh();
  if (was_full && server_ != nullptr && may_ask()) process();
}

void Session::flush() {
  if (server_ == nullptr) return;
  if (!out_.empty()) {
    stream_->send(std::exchange(out_, {}));
  } else if (ending_ && slots_.empty() && stream_->unsent() == 0) {
    server_->gone(id_);
  }
}

void Session::push(std::string bytes) {
  if (server_ == nullptr) return;
  out_ += bytes;
  if (held_ + out_.size() + stream_->unsent() > server_->settings.most_unheard)
    return disconnect(server_->counts.overflowed);
  if (processing_) return;
  flush();
  weigh();
}

void Session::disconnect(Counter& counter) {
  counter.add();
  server_->gone(id_);
}

void Session::leave() {
  forget(server_->channels, channels_);
  forget(server_->patterns, patterns_);
  server_->memory -= std::exchange(weight_, 0);
  server_->counts.memory.set(server_->memory);
  server_ = nullptr;
  stream_->close();
  slots_.clear();
  out_.clear();
}

void Session::forget(Subscribers& all, std::set<std::string, std::less<>>& mine) {
  if (mine.empty()) return;
  for (const std::string& channel : mine) {
    const auto found = all.find(channel);
    if (found == all.end()) continue;
    subscribed_ -= channel.size();
    found->second.erase(this);
    if (found->second.empty()) all.erase(found);
  }
  mine.clear();
  server_->subscriptions_changed();
}

}  // namespace microcloud::resp
