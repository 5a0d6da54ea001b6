#include "resp/client.h"

#include <random>

#include "resp/client_core.h"

namespace microcloud::resp {

Locator located_at(Endpoint endpoint) {
  return [endpoint = std::move(endpoint)](const auto& found) { found(endpoint, {}); };
}

Client::Core::Core(Loop& its_loop, Locator its_locator, ClientSettings its_settings, ClientEvents its_events)
    : loop(its_loop),
      locator(std::move(its_locator)),
      settings(std::move(its_settings)),
      events(std::move(its_events)),
      decoder(settings.limits),
      back_off({settings.first_pause, settings.longest_pause}, std::random_device{}()),
      pause(its_loop),
      silence(its_loop),
      deadlines(its_loop) {}

void Client::Core::locate() {
  if (settings.renew) settings.renew(settings);
  const uint64_t mine = ++attempt;
  locator([weak = weak_from_this(), mine](std::optional<Endpoint> endpoint, const std::string& why) {
    const auto self = weak.lock();
    if (!self || self->is_closed || self->attempt != mine) return;
    if (!endpoint) return self->fail(why);
    self->connect(*endpoint);
  });
}

void Client::Core::connect(const Endpoint& endpoint) {
  facts = NodeFacts{.endpoint = endpoint, .version = {}, .run_id = {}, .role = {}};
  decoder.reset();
  subscribed = false;
  is_mute = false;
  stream = std::make_unique<Stream>(loop);
  const auto mine = [weak = weak_from_this(), number = attempt](auto&& then) {
    const auto self = weak.lock();
    if (self && !self->is_closed && self->attempt == number) then(*self);
  };
  StreamEvents its;
  its.opened = [mine] { mine([](Core& self) { self.opened(); }); };
  its.received = [mine](Bytes bytes) { mine([bytes](Core& self) { self.received(bytes); }); };
  its.closed = [mine](const std::string& why) { mine([&why](Core& self) { self.closed(why); }); };
  stream->connect(endpoint, settings.tls, settings.connect_patience, std::move(its));
}

void Client::Core::send(Commands commands, Request request) {
  request.begins = stream->given();
  if (!request.up_to_pong) request.expected = commands.count();
  if (pipeline.empty()) heard = std::chrono::steady_clock::now();
  pipeline.add(std::move(request));
  stream->send(commands.take());
  if (!silence.set()) watch_silence();
}

/// Asked twice within its time, so it takes up to half as much more to notice.
void Client::Core::watch_silence() {
  silence.start(settings.silence / 2, [this] {
    if (pipeline.empty()) return;
    if (std::chrono::steady_clock::now() - heard >= settings.silence) return fail("the server does not answer");
    watch_silence();
  });
}

void Client::Core::watch_deadlines() {
  const SteadyTime next = pipeline.next_deadline();
  deadline_watched = next;
  if (next == SteadyTime::max()) return deadlines.cancel();
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - std::chrono::steady_clock::now());
  deadlines.start(std::max(left, std::chrono::milliseconds(0)), [self = weak_from_this()] {
    const auto core = self.lock();
    if (!core || core->is_closed) return;
    core->pipeline.expire(std::chrono::steady_clock::now());
    if (!core->is_closed) core->watch_deadlines();
  });
}

void Client::Core::received(Bytes bytes) {
  const auto self = shared_from_this();
  heard = std::chrono::steady_clock::now();
  is_mute = false;
  decoder.feed(bytes);
  for (;;) {
    Value value;
    switch (decoder.next(value)) {
      case Progress::More:
        return;
      case Progress::Malformed:
        return fail(std::string("the server sends what is no Redis protocol: ") + decoder.wrong());
      case Progress::Done:
        break;
    }
    if (!handle(std::move(value))) return;
  }
}

/// A server that wants TLS ends a connection that begins otherwise.
void Client::Core::closed(const std::string& why) {
  fail(is_mute && !settings.tls ? why + " before it said anything; does it want TLS (rediss://)?" : why);
}

namespace {

/// RESP2's form of a push: an array that begins with its kind.
bool is_message(const Value& value) {
  if (value.type != Type::Array || value.elements.empty()) return false;
  for (const char* kind : {"message", "pmessage", "smessage", "subscribe", "psubscribe", "ssubscribe", "unsubscribe",
                           "punsubscribe", "sunsubscribe"}) {
    if (value.elements[0].is(kind)) return true;
  }
  return false;
}

Value unwrapped(Value value) {
  while (value.type == Type::Attribute) {
    Value inner = std::move(value.elements.back());
    value = std::move(inner);
  }
  return value;
}

}  // namespace

bool Client::Core::handle(Value value) {
  const uint64_t mine = attempt;
  value = unwrapped(std::move(value));
  if (subscribed && is_message(value)) value.type = Type::Push;
  if (subscribed && value.type == Type::Array && !value.elements.empty() && value.elements[0].is("pong")) {
    value = Value();
    value.type = Type::Simple;
    value.text = "PONG";
  }
  if (value.type == Type::Push) {
    if (events.push) events.push(value);
    return !is_closed && attempt == mine;
  }
  const bool demoted = settings.master_only && is_ready && error_code(value) == "READONLY";
  if (!pipeline.take(std::move(value))) {
    fail("the server answers what nobody asked");
    return false;
  }
  if (is_closed || attempt != mine) return false;
  if (demoted) fail("the server is no master any more");
  return !demoted;
}

void Client::Core::fail(const std::string& why) {
  const auto self = shared_from_this();
  const uint64_t mine = ++attempt;
  const uint64_t handed = stream ? stream->handed() : 0;
  const bool was_ready = is_ready;
  is_ready = false;
  stream.reset();
  silence.cancel();
  deadlines.cancel();
  deadline_watched = SteadyTime::max();
  pipeline.broken(handed, why);
  if (is_closed) return;
  if (was_ready) told.clear();
  tell_down(why);
  if (is_closed || attempt != mine) return;
  pause.start(back_off.next(), [this] { locate(); });
}

void Client::Core::tell_down(const std::string& why) {
  const std::string words = facts.endpoint == Endpoint() ? why : facts.endpoint.text() + ": " + why;
  if (words == told) return;
  told = words;
  if (events.state) events.state(ClientEvents::State::Down, words);
}

void Client::Core::answer_later(Done done, Outcome outcome, const char* why) {
  loop.post([weak = weak_from_this(), done = std::move(done), outcome, why] {
    const auto self = weak.lock();
    if (self && !self->is_closed) done({outcome, {}, why});
  });
}

void Client::Core::close() {
  is_closed = true;
  ++attempt;
  stream.reset();
  pause.cancel();
  silence.cancel();
  deadlines.cancel();
}

Client::Client(Loop& loop, Locator locator, ClientSettings settings, ClientEvents events)
    : core_(std::make_shared<Core>(loop, std::move(locator), std::move(settings), std::move(events))) {}

Client::~Client() {
  core_->close();
}

void Client::start() {
  core_->locate();
}

void Client::send(Commands commands, Done done, std::chrono::milliseconds deadline) {
  Core& core = *core_;
  if (commands.empty()) return core.answer_later(std::move(done), Outcome::Ok, "");
  if (!core.is_ready) return core.answer_later(std::move(done), Outcome::Retry, "not connected");
  if (core.stream->unsent() > core.settings.most_unsent)
    return core.answer_later(std::move(done), Outcome::Retry, "too much waits to be sent");
  Request request{.done = std::move(done)};
  if (deadline.count() > 0) request.deadline = std::chrono::steady_clock::now() + deadline;
  const SteadyTime by = request.deadline;
  core.send(std::move(commands), std::move(request));
  if (by < core.deadline_watched) core.watch_deadlines();
}

void Client::subscribe(Commands commands, Done done) {
  Core& core = *core_;
  if (!core.is_ready) return core.answer_later(std::move(done), Outcome::Retry, "not connected");
  core.subscribed = core.settings.protocol == Protocol::Resp2;
  commands.add("PING");  // its answer tells that the others are read, and which errors were theirs
  core.send(std::move(commands), Request{.up_to_pong = true, .done = std::move(done)});
}

bool Client::ready() const {
  return core_->is_ready;
}

const NodeFacts& Client::node() const {
  return core_->facts;
}

void Client::reconnect(const std::string& why) {
  core_->fail(why);
}

size_t Client::unsent() const {
  return core_->stream ? core_->stream->unsent() : 0;
}

size_t Client::awaited() const {
  return core_->pipeline.awaited();
}

}  // namespace microcloud::resp
