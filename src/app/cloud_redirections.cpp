#include "app/cloud_redirections.h"

#include <charconv>
#include <utility>
#include <vector>

#include "cloud/key_names.h"
#include "protocols/wire/tns_messages.h"

namespace microcloud {

CloudRedirections::CloudRedirections(OwnerChannel& channel, std::string_view realm)
    : channel_(channel), prefix_(realm_prefix(realm) + std::string(kRedirectionTree)) {}

std::optional<CloudRedirections::Place> CloudRedirections::place_of(std::string_view key) const {
  if (!key.starts_with(prefix_)) return std::nullopt;
  key.remove_prefix(prefix_.size());
  const size_t colon = key.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto address = parse_address(key.substr(0, colon));
  Place place{address.value_or(IpAddress()), 0};
  const std::string_view port = key.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), place.port);
  const bool is_port = error == std::errc() && end == port.data() + port.size() && place.port != 0;
  return address && is_port ? std::optional(place) : std::nullopt;
}

void CloudRedirections::hear_of_change(const std::string& key) {
  const std::optional<Place> place = place_of(key);
  if (!place || announcements_ == nullptr || open_ == kMostAsked) return;
  bool is_known = false;
  announcements_->at(place->address, place->port, [&](const Protocol&) { is_known = true; });
  if (is_known) return;
  ++open_;
  std::vector<OwnerQuestion> questions;
  questions.push_back({OwnerQuestion::Kind::Hash, key, {}, 0});
  channel_.ask(std::move(questions));
}

bool CloudRedirections::hear(const OwnerNews& news) {
  const std::optional<Place> place = place_of(news.key);
  if (!place) return false;
  --open_;
  if (!news.fields.empty()) announcements_->add(protocol::oracle, place->address, place->port);
  return true;
}

}  // namespace microcloud
