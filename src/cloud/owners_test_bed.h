// For tests: owners who are asked for until the answer is there.
#pragma once

#include "cloud/cloud_owners.h"
#include "resp/redis_test_bed.h"

namespace microcloud {

class OwnersTest : public testing::Test {
 protected:
  void start(resp::Url::Kind kind, std::vector<Endpoint> endpoints, OwnersSettings settings) {
    settings.channel.url.kind = kind;
    settings.channel.url.endpoints = std::move(endpoints);
    settings.channel.deadline = deadline_;
    settings.channel.client.first_pause = std::chrono::milliseconds(10);
    owners_ = std::make_unique<CloudOwners>(std::move(settings));
    owners_->start();
    owners_->wait_until_ready(resp::kPatience);
    ASSERT_TRUE(owners_->channel().all_answer());
  }
  /// Until it is more than a question.
  std::string owner(const IpAddress& of, const std::optional<Mac>& mac = {}) {
    const auto end = std::chrono::steady_clock::now() + resp::kPatience;
    while (std::chrono::steady_clock::now() < end) {
      owners_->learn();
      const Owners::Answer answer = owners_->owner(of, mac);
      if (answer.known == Owners::Known::Somebody) return std::string(answer.user);
      if (answer.known == Owners::Known::Nobody) return "nobody";
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return "no answer";
  }
  /// Until it is that one.
  bool becomes(const IpAddress& of, const std::string& user) {
    const auto end = std::chrono::steady_clock::now() + resp::kPatience;
    while (owner(of) != user) {
      if (std::chrono::steady_clock::now() > end) return false;
    }
    return true;
  }
  uint64_t asked() const { return owners_->counts().asked.get(); }

  std::unique_ptr<CloudOwners> owners_;
  std::chrono::milliseconds deadline_{20'000};  // where no answer is meant to be late
};

}  // namespace microcloud
