#include "app/query_messages.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <future>
#include <map>
#include <set>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include "app/query_text.h"
#include "app/standard_output.h"
#include "cloud/key_names.h"

namespace microcloud {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kTurn{20};
constexpr std::chrono::seconds kLookForProbes{3};
constexpr int kMostOfTime = 20;  // looking takes at most one part in so many

/// What a probe publishes in the MicroCloud comes from its face too: of two that are alike and came from different
/// places, one is told.
class Messages {
 public:
  explicit Messages(bool json) : json_(json) {}
  void hear(size_t place, const std::string& channel, const std::string& message) {
    const std::string text = message_text(channel, message, json_);
    const auto heard = heard_.find(text);
    if (heard != heard_.end() && heard->second != place) {
      heard_.erase(heard);
      return;
    }
    print(text);
    if (heard != heard_.end() || !several_) return;
    heard_.emplace(text, place);
    order_.push_back(text);
    if (order_.size() <= kMostRemembered) return;
    heard_.erase(order_.front());
    order_.pop_front();
  }
  void from_several_places(bool several) { several_ = several; }

 private:
  static constexpr size_t kMostRemembered = 4'096;
  bool json_;
  bool several_ = false;
  std::unordered_map<std::string, size_t> heard_;
  std::deque<std::string> order_;
};

/// The MicroCloud and the faces, each heard at its place.
class Listener {
 public:
  Listener(const QueryOptions& options, Everybody& everybody, const std::atomic<bool>& stop,
           const std::function<void(const std::string&)>& warn)
      : options_(options),
        everybody_(everybody),
        stop_(stop),
        warn_(warn),
        pattern_(realm_prefix(options.cloud.realm) + options.subject),
        messages_(options.json),
        channels_(everybody.open_channels()) {}

  void run() {
    if (!options_.no_probes) everybody_.check_is_no_probe();
    subscribe(*channels_, 0);
    if (!options_.no_probes) hear_also(everybody_.new_faces({}, stop_));
    look_next_ = Clock::now() + kLookForProbes;
    while (!stop_) {
      look_for_probes();
      hear_cloud();
      hear_faces();
    }
  }

 private:
  struct Place {
    Everybody::Face face;
    size_t number;
  };

  void subscribe(Store& store, size_t place) {
    store.subscribe(pattern_, [this, place](const std::string& channel, const std::string& message) {
      messages_.hear(place, channel, message);
    });
  }

  void hear_cloud() {
    try {
      if (is_away_) {
        subscribe(*channels_, 0);
        channels_->hear(kTurn);
        is_away_ = false;
        warn_(channels_->name() + " is back; what was published meanwhile is missing");
      }
      channels_->hear(kTurn);
    } catch (const StoreAway& error) {
      if (!std::exchange(is_away_, true)) warn_(std::string(error.what()) + "; it is heard again when it is back");
    }
  }

  void hear_faces() {
    for (auto place = places_.begin(); place != places_.end() && !stop_;) {
      try {
        place->face.store->hear(kTurn);
        ++place;
      } catch (const std::runtime_error& error) {
        warn_(error.what());
        place = places_.erase(place);
        messages_.from_several_places(!places_.empty());
      }
    }
  }

  /// Beside the hearing: there may be very many keys among which they are found, and faces that do not answer.
  void look_for_probes() {
    if (options_.no_probes) return;
    if (!looking_.valid()) {
      if (Clock::now() < look_next_) return;
      std::set<std::string> known;
      for (const Place& place : places_) known.insert(place.face.probe);
      began_ = Clock::now();
      looking_ = std::async(std::launch::async,
                            [this, known = std::move(known)] { return everybody_.new_faces(known, stop_); });
    }
    if (looking_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) return;
    const auto took = Clock::now() - began_;
    look_next_ = Clock::now() + std::max<Clock::duration>(kLookForProbes, kMostOfTime * took);
    try {
      hear_also(looking_.get());
    } catch (const std::runtime_error&) {
      // The MicroCloud is away, which its channels tell; or a face went away just now: it is found again.
    }
  }

  void hear_also(std::vector<Everybody::Face> faces) {
    for (Everybody::Face& face : faces) {
      subscribe(*face.store, next_place_);
      places_.push_back({std::move(face), next_place_++});
    }
    messages_.from_several_places(!places_.empty());
    for (const auto& [probe, why] : everybody_.missing()) {
      const auto said = said_.find(probe);
      if (said == said_.end() || said->second != why) warn_(why + ": what it alone publishes is missing");
    }
    said_ = everybody_.missing();
  }

  const QueryOptions& options_;
  Everybody& everybody_;  // while a look is under way, of that alone
  const std::atomic<bool>& stop_;
  const std::function<void(const std::string&)>& warn_;
  const std::string pattern_;
  Messages messages_;
  std::unique_ptr<Store> channels_;
  bool is_away_ = false;
  std::vector<Place> places_;
  size_t next_place_ = 1;
  std::map<std::string, std::string> said_;
  Clock::time_point look_next_{}, began_{};
  std::future<std::vector<Everybody::Face>> looking_;  // the last member: it ends before the others go
};

}  // namespace

void tell_messages(const QueryOptions& options, Everybody& everybody, const std::atomic<bool>& stop,
                   const std::function<void(const std::string&)>& warn) {
  Listener(options, everybody, stop, warn).run();
}

}  // namespace microcloud
