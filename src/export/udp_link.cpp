#include "export/udp_link.h"

#include <algorithm>
#include <cstring>
#include <thread>

namespace microcloud {
namespace {

constexpr size_t kMostPayload = 1452;  // of an Ethernet frame's MTU with IPv6: what collectors' buffers and ways expect

}  // namespace

UdpLink::UdpLink(std::string name, const Target& target)
    : Link(std::move(name)),
      sender_(resolve(target, SOCK_DGRAM).front()),
      most_(std::min(kMostPayload, sender_.largest_payload())) {}

void UdpLink::start(Opening& opening) {
  counters_.up.set(1);
  counters_.sessions.add();
  opening.begin_session();
}

void UdpLink::send(MessageBatch& batch) {
  sizes_.clear();
  char* at = batch.bytes.data();
  for (const MessageInfo& info : batch.messages) {
    session_.stamp(at, info);
    sizes_.push_back(info.size);
    at += info.size;
  }
  failed_.assign(batch.messages.size(), false);
  sender_.send(batch.bytes.data(), sizes_, [this](size_t which) { failed_[which] = true; });
  for (size_t which = 0; which < batch.messages.size(); ++which) {
    const MessageInfo& info = batch.messages[which];
    if (failed_[which]) {
      counters_.lose(ExportLoss::SendFailed, info.told);
    } else {
      counters_.count_sent(info);
    }
  }
  batch.clear();
}

void UdpLink::progress(SteadyTime now) {
  constexpr std::chrono::seconds kLongerAgo{10};
  if (const uint64_t refusals = sender_.take_refusals(); refusals > 0) {
    counters_.refused.add(refusals);
    refused_at_ = now;
    sent_then_ = counters_.messages.get();
    set_away("nobody listens there");
  } else if (refused_at_ != SteadyTime{} && now - refused_at_ > kLongerAgo && counters_.messages.get() > sent_then_) {
    refused_at_ = {};
    set_away({});
  }
}

void UdpLink::finish() {
  // The answer that nobody listens comes after what it answers.
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  counters_.refused.add(sender_.take_refusals());
  counters_.up.set(0);
  if (const uint64_t lost = counters_.lost.get(ExportLoss::SendFailed); lost > 0) {
    not_taken_ = name_ + ": " + std::to_string(lost) + " records could not be sent (" +
                 std::strerror(sender_.last_error()) + ")";
  } else if (counters_.refused.get() > 0) {
    not_taken_ = name_ + ": nobody listens there; what was sent meanwhile is lost";
  }
}

}  // namespace microcloud
