#include "net/dialer.h"

#include <stdexcept>

namespace microcloud {
namespace {

constexpr std::chrono::seconds kLongestOpening{10};
constexpr std::chrono::seconds kSettled{10};  // a connection that lasted so long is no failure of the one before

}  // namespace

Dialer::Dialer(Target target, int socket_type, Connect connect, BackOff back_off)
    : target_(std::move(target)), socket_type_(socket_type), connect_(std::move(connect)), back_off_(back_off) {}

Connection* Dialer::poll(Time now) {
  if (!connection_ && now >= next_try_) begin(now);
  if (!connection_) return nullptr;
  switch (connection_->poll()) {
    case Connection::State::Open:
      if (!open_) opened_ = now;
      open_ = true;
      return connection_.get();
    case Connection::State::Opening:
      if (now >= give_up_) fail("no answer for 10 s", now);
      return nullptr;
    case Connection::State::Broken:
      break;
  }
  if (open_) return connection_.get();  // whoever used it has to ask what became of what it wrote
  fail(connection_->why(), now);
  return nullptr;
}

void Dialer::begin(Time now) {
  if (next_address_ == addresses_.size()) {
    if (!resolution_) resolution_.emplace(target_, socket_type_);
    if (!resolution_->done()) return;
    addresses_ = resolution_->addresses();
    next_address_ = 0;
    const std::string error = resolution_->error();
    resolution_.reset();
    if (addresses_.empty()) {
      fail(error, now);
      return;
    }
  }
  try {
    connection_ = connect_(addresses_[next_address_++]);
    give_up_ = now + kLongestOpening;
  } catch (const std::runtime_error& error) {
    fail(error.what(), now);
  }
}

void Dialer::fail(std::string why, Time now) {
  why_ = std::move(why);
  connection_.reset();
  if (next_address_ == addresses_.size()) next_try_ = now + back_off_.next();  // else the next address at once
}

void Dialer::drop(Time now) {
  if (now - opened_ >= kSettled) back_off_.reset();
  next_address_ = addresses_.size();  // the name may lead elsewhere by now
  open_ = false;
  fail(connection_->why(), now);
}

}  // namespace microcloud
