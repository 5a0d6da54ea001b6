// For tests: owners who are asked for until the answer is there.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "cloud/cloud_owners.h"
#include "resp/redis_test_bed.h"

namespace microcloud {

class OwnersTest : public testing::Test {
 protected:
  /// What a hash holds, asked on the same channel; nothing: no answer.
  std::optional<std::map<std::string, std::string>> hash(const std::string& key) {
    {
      const std::lock_guard lock(hash_mutex_);
      hash_.reset();
    }
    owners_->channel().ask({{OwnerQuestion::Kind::Hash, key, {}, 0}});
    std::unique_lock lock(hash_mutex_);
    hash_heard_.wait_for(lock, resp::kPatience, [this] { return hash_.has_value(); });
    if (!hash_ || hash_->kind != OwnerNews::Kind::Answer || hash_->key != key) return std::nullopt;
    return std::map<std::string, std::string>(hash_->fields.begin(), hash_->fields.end());
  }

  void start(resp::Url::Kind kind, std::vector<Endpoint> endpoints, OwnersSettings settings) {
    settings.channel.url.kind = kind;
    settings.channel.url.endpoints = std::move(endpoints);
    settings.channel.deadline = deadline_;
    settings.hear_of_hash = [this](const OwnerNews& news) {
      const std::lock_guard lock(hash_mutex_);
      hash_ = news;
      hash_heard_.notify_all();
    };
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

  std::mutex hash_mutex_;
  std::condition_variable hash_heard_;
  std::optional<OwnerNews> hash_;
  std::unique_ptr<CloudOwners> owners_;
  std::chrono::milliseconds deadline_{20'000};  // where no answer is meant to be late
};

}  // namespace microcloud
