// Of the accounting: users' traffic, and what hosts are learnt to be.
#include "cloud/accounting.h"

namespace microcloud {

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
  tell(kUserField, user, host.user);
  if (verdict == Verdict::Known) return;  // else name() and system() have told
  if (const std::string* name = host_names_.find(address)) tell(kNameField, *name, host.name);
  const HostSystem system = host.systems.system();
  if (system != HostSystem::Unknown) update.set(kSystemField, to_text(system));
}

void Accounting::name(const IpAddress& address, std::string_view name) {
  if (name.empty()) return;
  host_names_.at(address) = name;
  Verdict verdict = Verdict::Refused;
  Host* host = find_host(address, false, verdict);
  const uint64_t hash = hash_text(hosts_.hash_function().seed, name);
  if (host == nullptr || (host->name == hash && verdict == Verdict::Known)) return;
  host->name = hash;
  KeyUpdate& update = buffer_.at(names_.host(address));
  update.set(kNameField, name);
  refresh(update, verdict);
}

void Accounting::system(const IpAddress& address, HostSystem system) {
  Verdict verdict = Verdict::Refused;
  Host* host = find_host(address, false, verdict);
  if (host == nullptr) return;
  const bool is_other = host->systems.add(system);
  if (!is_other && verdict == Verdict::Known) return;
  KeyUpdate& update = buffer_.at(names_.host(address));
  update.set(kSystemField, to_text(host->systems.system()));
  refresh(update, verdict);
}

}  // namespace microcloud
