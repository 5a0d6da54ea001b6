#include "net/resolution.h"

#include <atomic>
#include <stdexcept>
#include <thread>

namespace microcloud {

struct Resolution::Answer {
  std::vector<SocketAddress> addresses;
  std::string error;
  std::atomic<bool> done{false};

  void look_up(const Target& target, int socket_type) {
    try {
      addresses = resolve(target, socket_type);
    } catch (const std::runtime_error& failed) {
      error = failed.what();
    }
    done.store(true, std::memory_order_release);
  }
};

Resolution::Resolution(const Target& target, int socket_type) : answer_(std::make_shared<Answer>()) {
  if (is_address(target.host)) {
    answer_->look_up(target, socket_type);
    return;
  }
  std::thread([answer = answer_, target, socket_type] { answer->look_up(target, socket_type); }).detach();
}

bool Resolution::done() const {
  return answer_->done.load(std::memory_order_acquire);
}

std::vector<SocketAddress> Resolution::addresses() const {
  return done() ? answer_->addresses : std::vector<SocketAddress>{};
}

std::string Resolution::error() const {
  return done() ? answer_->error : std::string();
}

}  // namespace microcloud
