// Of the accounting: users' traffic, and what hosts are learnt to be.
#include <algorithm>

#include "cloud/accounting.h"

namespace microcloud {
namespace {

constexpr std::string_view kName = "name", kSystem = "os", kUser = "user";

}  // namespace

/// The key may be somebody else's, who put the user there with his connection: then it lives as long as he says.
void Accounting::add_user(std::string_view user, const Side& side, const Traffic& traffic) {
  if (user.empty() || view_) return;
  auto found = users_.find(user);
  const bool is_new = found == users_.end();
  if (is_new) found = users_.try_emplace(std::string(user)).first;
  Seen& seen = found->second;
  const Verdict verdict = births_.ask(seen.refreshed, now_s_);
  if (verdict == Verdict::Refused) {
    if (is_new) users_.erase(found);
    return;
  }
  add_entity(names_.user(user), seen, verdict, side, traffic);
  buffer_.at(names_.user(user)).refresh_unless(kManagedField);
}

void Accounting::tell_learnt(const IpAddress& address, Host& host, Verdict verdict, KeyUpdate& update,
                             std::string_view user) {
  if (view_) return;
  const HashSeed seed = hosts_.hash_function().seed;
  const auto tell = [&](std::string_view field, std::string_view text, uint64_t& told) {
    if (text.empty()) return;
    const uint64_t hash = hash_text(seed, text);
    if (hash != told || verdict != Verdict::Known) update.set(field, text);
    told = hash;
  };
  tell(kUser, user, host.user);
  if (verdict == Verdict::Known) return;  // else name() and system() have told
  tell(kName, host_names_.find(address), host.name);
  if (host.system != HostSystem::Unknown) update.set(kSystem, to_text(host.system));
}

void Accounting::name(const IpAddress& address, std::string_view name) {
  if (name.empty()) return;
  host_names_.remember(address, name);
  Verdict verdict = Verdict::Refused;
  Host* host = find_host(address, false, verdict);
  const uint64_t hash = hash_text(hosts_.hash_function().seed, name);
  if (host == nullptr || (host->name == hash && verdict == Verdict::Known)) return;
  host->name = hash;
  KeyUpdate& update = buffer_.at(names_.host(address));
  update.set(kName, name);
  if (verdict != Verdict::Known) update.refresh();
}

/// A single sample does not turn a host into another: behind one address may be several.
void Accounting::system(const IpAddress& address, HostSystem system) {
  Verdict verdict = Verdict::Refused;
  Host* host = find_host(address, false, verdict);
  if (host == nullptr) return;
  uint8_t& samples = host->samples[static_cast<size_t>(system)];
  if (samples == UINT8_MAX) std::for_each(host->samples.begin(), host->samples.end(), [](uint8_t& one) { one /= 2; });
  ++samples;
  const bool is_other = system != host->system && samples > host->samples[static_cast<size_t>(host->system)];
  if (is_other) host->system = system;
  if (!is_other && verdict == Verdict::Known) return;
  KeyUpdate& update = buffer_.at(names_.host(address));
  update.set(kSystem, to_text(host->system));
  if (verdict != Verdict::Known) update.refresh();
}

}  // namespace microcloud
