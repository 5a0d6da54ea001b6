#include "app/cloud_calls.h"

#include <chrono>
#include <utility>
#include <vector>

#include "cloud/key_names.h"

namespace microcloud {
namespace {

constexpr auto kPatience = std::chrono::milliseconds(1'000);  // twice what the channel waits for an answer of a file

}  // namespace

CloudCalls::CloudCalls(OwnerChannel& channel, std::string_view realm, bool live)
    : channel_(channel),
      endpoints_(realm_prefix(realm) + std::string(kEndpointTree)),
      calls_(realm_prefix(realm) + std::string(kCallTree)),
      live_(live),
      open_(0, TextHash{HashSeed::random()}) {}

bool CloudCalls::ask(const SdpAddress& at) {
  return ask(endpoints_ + endpoint_name(at), at);
}

bool CloudCalls::ask(std::string_view call_id) {
  return ask(calls_ + std::string(call_id), std::string(call_id));
}

bool CloudCalls::ask(std::string key, Asked what) {
  if (!channel_.answers()) return false;
  {
    const std::lock_guard lock(mutex_);
    if (open_.size() >= kMostAsked) {
      counts_.too_many.add();
      return false;
    }
    if (!open_.try_emplace(key, std::move(what)).second) return true;  // one answer for both
  }
  std::vector<OwnerQuestion> questions;
  questions.push_back({OwnerQuestion::Kind::Hash, std::move(key), {}, 0});
  channel_.ask(std::move(questions));
  return true;
}

void CloudCalls::settle() {
  std::unique_lock lock(mutex_);
  answered_.wait_for(lock, kPatience, [this] { return open_.empty() && hearing_ == 0; });
}

void CloudCalls::hear(const OwnerNews& news) {
  const bool is_answer = news.kind == OwnerNews::Kind::Answer;
  Asked what;
  {
    const std::lock_guard lock(mutex_);
    auto found = open_.extract(news.key);
    if (found.empty()) return;
    what = std::move(found.mapped());
    ++hearing_;
    (!is_answer ? counts_.unanswered : news.fields.empty() ? counts_.unknown : counts_.known).add();
  }
  if (const auto* at = std::get_if<SdpAddress>(&what)) {
    book_->learn(*at,
                 is_answer ? std::optional(endpoint_elsewhere(news.fields, CallBook::kMostFormats)) : std::nullopt);
  } else {
    book_->learn(std::get<std::string>(what), is_answer ? std::optional(HashTexts(news.fields)) : std::nullopt);
  }
  {
    const std::lock_guard lock(mutex_);
    --hearing_;
  }
  answered_.notify_all();
}

void CloudCalls::tell_metrics(MetricsPage& page) const {
  const auto tell = [&page](std::string_view answer, const Counter& counter) {
    page.counter("microcloud_cloud_call_answers_total",
                 "Whose call media is, and what others saw of a call: by what was answered.", {{"answer", answer}},
                 counter.get());
  };
  tell("known", counts_.known);
  tell("unknown", counts_.unknown);
  tell("none", counts_.unanswered);
  tell("too_many_asked", counts_.too_many);
}

}  // namespace microcloud
