#include "net/loop.h"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "net/loop_native.h"

namespace microcloud {

namespace asio = boost::asio;

Loop::Loop() : native_(std::make_unique<Native>()) {}
Loop::~Loop() = default;

void Loop::run() {
  native_->context.restart();
  native_->context.run();
}

void Loop::run_for(std::chrono::milliseconds time) {
  native_->context.restart();
  native_->context.run_for(time);
}

void Loop::stop() {
  native_->context.stop();
}

void Loop::post(std::function<void()> task) {
  asio::post(native_->context, std::move(task));
}

struct Timer::State {
  explicit State(Loop& loop) : timer(loop.native().context) {}
  asio::steady_timer timer;
  std::function<void()> alarm;
  uint64_t generation = 0;  // of the alarm that is set: an older one that is on its way is not called
};

Timer::Timer(Loop& loop) : state_(std::make_shared<State>(loop)) {}

Timer::~Timer() {
  cancel();
}

void Timer::start(std::chrono::milliseconds after, std::function<void()> alarm) {
  cancel();
  state_->alarm = std::move(alarm);
  state_->timer.expires_after(after);
  state_->timer.async_wait([state = state_, generation = state_->generation](const boost::system::error_code&) {
    if (generation != state->generation || !state->alarm) return;
    const auto due = std::exchange(state->alarm, nullptr);
    due();
  });
}

void Timer::cancel() {
  ++state_->generation;
  state_->alarm = nullptr;
  state_->timer.cancel();
}

bool Timer::set() const {
  return static_cast<bool>(state_->alarm);
}

}  // namespace microcloud
