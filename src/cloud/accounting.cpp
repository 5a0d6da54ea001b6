#include "cloud/accounting.h"

#include <algorithm>
#include <bit>

#include "cloud/scripts.h"

namespace microcloud {
namespace {

constexpr uint8_t kTcp = 6;
constexpr uint8_t kUdp = 17;
constexpr std::string_view kMac = "mac", kIp = "ip", kVlan = "vlan";
constexpr std::string_view kNotKnown = "Unknown";  // nDPI's own name of what it cannot name
constexpr uint32_t kSetsOfHost = 3;
constexpr size_t kMostNames = 32'768;        // of addresses that may be connected to
constexpr size_t kMostApplications = 4'096;  // nDPI has some hundreds; exporters may send any

/// Empty for those without port keys.
std::string_view transport_name(uint8_t protocol) {
  if (protocol == kTcp) return "tcp";
  return protocol == kUdp ? "udp" : "";
}

/// Forgets those of the next `count` buckets that `expired` says.
template <typename Map, typename Expired>
void sweep_buckets(Map& map, size_t& position, size_t count, const Expired& expired) {
  for (; count > 0; --count) {
    if (position >= map.bucket_count()) position = 0;
    for (auto at = map.begin(position); at != map.end(position);) {
      if (!expired(at->second)) {
        ++at;
        continue;
      }
      map.erase(at->first);
      at = map.begin(position);
    }
    ++position;
  }
}

/// Transactions leave before their flow's record, which tells the same: both ends have sent.
bool was_answered(const std::optional<ServiceCall>& call) {
  return call && (call->many != nullptr ? call->many->answered() > 0 : call->latency_us.has_value());
}

}  // namespace

size_t Accounting::MacHash::operator()(const Mac& mac) const {
  uint64_t word = 0;
  std::memcpy(&word, mac.bytes.data(), mac.bytes.size());
  return hash_words(seed, word, 0, 0);
}

Accounting::Accounting(AccountingSettings settings, MergeBuffer& buffer, MergeBuffer& urgent, HashSeed seed)
    : settings_(std::move(settings)),
      buffer_(buffer),
      urgent_(urgent),
      births_(settings_.births),
      names_(settings_.realm),
      hosts_(0, IpAddressHash{seed}),
      macs_(0, MacHash{seed}),
      applications_(0, TextHash{seed}),
      users_(0, TextHash{seed}),
      of_trees_(0, TextHash{seed}),
      host_names_(kMostNames, seed) {
  applications_.try_emplace(std::string(kNotKnown));
}

Accounting::Accounting(AccountingSettings settings, MergeBuffer& buffer, HashSeed seed, AccountingView view)
    : Accounting(std::move(settings), buffer, buffer, seed) {
  constexpr uint32_t kAll = 0x7fffffff;
  births_ = Births({.per_second = kAll, .most_keys = UINT64_MAX, .ttl_s = kAll});
  view_ = std::move(view);
}

void Accounting::put(const RecordRef& record, uint32_t now_s) {
  now_s_ = now_s;
  if (record.type->traffic != nullptr) add_traffic(*record.common, record.type->traffic(record.body));
  std::optional<ServiceCall> call;
  if (record.type->service != nullptr) call = record.type->service(record.body);
  for (const CloudRule& rule : record.type->cloud) {
    if (rule.holds == nullptr || rule.holds(record.body, rule.value)) add_by_rule(rule, record, was_answered(call));
  }
  if (call) add_service(*call, *record.common);
  for (const CloudTree& tree : record.type->trees) add_tree(tree, record, call);
  if (record.type->teach != nullptr && !view_) record.type->teach(record, *this);
  if (record.type->note != nullptr && !view_) {
    if (record.common->packet_us != 0) births_.at_time(record.common->packet_us / 1000);
    record.type->note(record, *this);
  }
}

void Accounting::add_traffic(const Common& common, const Traffic& traffic) {
  births_.at_time(traffic.end_ms);
  const uint64_t scale = settings_.scale;
  const Side client{traffic.octets * scale, traffic.reverse_octets * scale, traffic.packets * scale,
                    traffic.reverse_packets * scale, true};
  const Side server{client.bytes_rcvd, client.bytes_sent, client.packets_rcvd, client.packets_sent, false};

  if (common.vlan && (!view_ || view_->vlans)) {
    Seen& seen = vlans_[*common.vlan];
    add_entity(names_.vlan(*common.vlan), seen, births_.always(seen.refreshed, now_s_), client, traffic);
  }
  const std::string_view application = add_application(traffic, client);
  const std::string_view transport = common.has_ports ? transport_name(common.protocol) : "";
  if (!transport.empty() && (!view_ || view_->ports)) {
    Seen& seen = ports_[static_cast<uint32_t>(common.protocol) << 16 | common.destination_port];
    add_entity(names_.port(transport, common.destination_port), seen, births_.ask(seen.refreshed, now_s_), server,
               traffic);
  }
  add_mac(traffic.source_mac, common.source, common, client, traffic);
  add_mac(traffic.destination_mac, common.destination, common, server, traffic);

  add_user(common.source_user, client, traffic);
  add_user(common.destination_user, server, traffic);

  Talk talk{common.destination, common.destination_port, common.protocol, application, client.bytes()};
  add_host(common.source, common, client, traffic.source_mac, talk, traffic);
  talk.peer = common.source;
  add_host(common.destination, common, server, traffic.destination_mac, talk, traffic);
}

std::string_view Accounting::add_application(const Traffic& traffic, const Side& client) {
  std::string_view name = traffic.application.value_or(kNotKnown);
  auto found = applications_.find(name);
  if (found == applications_.end() && applications_.size() >= kMostApplications)
    found = applications_.find(name = kNotKnown);
  if (found == applications_.end()) found = applications_.try_emplace(std::string(name)).first;
  if (!view_ || view_->applications) {
    Seen& seen = found->second;
    add_entity(names_.application(name), seen, births_.always(seen.refreshed, now_s_), client, traffic);
  }
  return found->first;
}

void Accounting::add_counts(KeyUpdate& update, const Side& side, bool begins_flow,
                            const TrafficFieldNames::Names& names) const {
  const auto add = [&](TrafficField field, uint64_t amount) {
    if (amount != 0) update.add(names[static_cast<size_t>(field)], amount);
  };
  add(TrafficField::BytesSent, side.bytes_sent);
  add(TrafficField::BytesRcvd, side.bytes_rcvd);
  add(TrafficField::PacketsSent, side.packets_sent);
  add(TrafficField::PacketsRcvd, side.packets_rcvd);
  if (begins_flow) add(side.client ? TrafficField::FlowsClient : TrafficField::FlowsServer, 1);
}

/// Flows are told when they end, so that neither their beginnings nor their ends come in order.
void Accounting::tell_times(KeyUpdate& update, Seen& seen, Verdict verdict, const Traffic& traffic) {
  if (verdict == Verdict::Born) seen = {.refreshed = seen.refreshed};
  const bool is_first = seen.first_ms == kNever;
  const bool is_earlier = traffic.start_ms < seen.first_ms;
  seen.first_ms = std::min(seen.first_ms, traffic.start_ms);
  update.seen({traffic.start_ms, std::max(traffic.start_ms, traffic.end_ms)});
  if (is_first) {
    update.if_absent(kFirstSeenField, update.times().first_ms);
  } else if (is_earlier || verdict == Verdict::Refresh) {
    // Not the first time that is remembered: the key may have gone since, and holds what came after that.
    update.earliest(kFirstSeenField, update.times().first_ms);
  }
  if (traffic.end_ms > seen.last_ms || verdict != Verdict::Known) {
    seen.last_ms = std::max(seen.last_ms, traffic.end_ms);
    update.latest(kLastSeenField, seen.last_ms);
  }
  refresh(update, verdict);
}

void Accounting::refresh(KeyUpdate& update, Verdict verdict) {
  if (verdict == Verdict::Born) update.begin();
  if (verdict == Verdict::Refresh) update.refresh();
}

void Accounting::add_entity(std::string_view key, Seen& seen, Verdict verdict, const Side& side,
                            const Traffic& traffic) {
  if (verdict == Verdict::Refused) return;
  KeyUpdate& update = buffer_.at(key);
  add_counts(update, side, traffic.begins_flow, TrafficFieldNames::plain());
  tell_times(update, seen, with_rebirth(seen, verdict), traffic);
}

void Accounting::add_mac(const std::optional<Mac>& mac, const IpAddress& address, const Common& common,
                         const Side& side, const Traffic& traffic) {
  if (!mac || (view_ && !view_->macs)) return;
  const auto [at, is_new] = macs_.try_emplace(*mac);
  MacKey& known = at->second;
  const Verdict verdict = with_rebirth(known.seen, births_.ask(known.seen.refreshed, now_s_));
  if (verdict == Verdict::Refused) {
    if (is_new) macs_.erase(at);
    return;
  }
  add_entity(names_.mac(*mac), known.seen, verdict, side, traffic);
  KeyUpdate& update = buffer_.at(names_.mac(*mac));
  if (known.address != address || verdict != Verdict::Known) update.set(kIp, to_text(address));
  known.address = address;
  if (!common.vlan) return;
  if (known.vlan != *common.vlan || verdict != Verdict::Known) update.set(kVlan, std::to_string(*common.vlan));
  known.vlan = *common.vlan;
}

bool Accounting::may_have_key(const IpAddress& address, bool answered) const {
  if (settings_.hosts == HostChoice::All) return true;
  if (settings_.is_local && settings_.is_local(address)) return true;
  if (settings_.hosts == HostChoice::Answered && answered) return true;
  return view_ && view_->known && view_->known(address);
}

/// Of a view: whether the host, or what hosts without a key share, is asked for.
bool Accounting::looks_at(const IpAddress& address, bool answered) const {
  if (!view_->hosts) return false;
  if (view_->only_hosts == nullptr || view_->only_hosts->contains(address)) return true;
  return !may_have_key(address, answered);
}

std::optional<KnownHost> Accounting::known_host(const IpAddress& address) const {
  const auto found = hosts_.find(address);
  if (found == hosts_.end() || births_.forgotten(found->second.seen.refreshed, now_s_)) return std::nullopt;
  return found->second.known;
}

Accounting::Host* Accounting::find_host(const IpAddress& address, bool eligible, Verdict& verdict) {
  verdict = Verdict::Refused;
  // Whether a flow that is yet to be told will be its host's is seen from that flow alone, in whatever order they come.
  if (view_ && !eligible) return nullptr;
  const auto found = hosts_.find(address);
  if (found != hosts_.end() && !births_.forgotten(found->second.seen.refreshed, now_s_)) {
    verdict = births_.ask(found->second.seen.refreshed, now_s_);
    return &found->second;
  }
  Refreshed refreshed = 0;
  if (!eligible || (verdict = births_.ask(refreshed, now_s_)) == Verdict::Refused) return nullptr;
  Host& host = found != hosts_.end() ? found->second : hosts_[address];
  host = {};
  host.seen.refreshed = refreshed;
  if (view_ && view_->known) host.known = view_->known(address).value_or(KnownHost{});
  return &host;
}

void Accounting::add_host(const IpAddress& address, const Common& common, const Side& side,
                          const std::optional<Mac>& mac, const Talk& talk, const Traffic& traffic) {
  const bool answered = side.packets_sent > 0 && side.packets_rcvd > 0;
  if (view_ && !looks_at(address, answered)) return;
  Verdict verdict = Verdict::Refused;
  Host* host = find_host(address, may_have_key(address, answered), verdict);
  Seen& other = others_[address.version == 6 ? 1 : 0];
  KeyUpdate& update = buffer_.at(host != nullptr ? names_.host(address) : names_.other_hosts(address.version));
  add_counts(update, side, traffic.begins_flow, TrafficFieldNames::plain());
  if (common.vlan) add_counts(update, side, traffic.begins_flow, fields_.of_vlan(*common.vlan));
  if (host == nullptr) {
    tell_times(update, other, births_.always(other.refreshed, now_s_), traffic);
    return;
  }
  verdict = with_rebirth(host->seen, verdict);
  tell_times(update, host->seen, verdict, traffic);
  if (mac) {
    if (host->mac != *mac || verdict != Verdict::Known) update.set(kMac, to_text(*mac));
    host->mac = *mac;
  }
  tell_learnt(address, *host, verdict, update, side.client ? common.source_user : common.destination_user);
  add_talk(address, *host, verdict, talk, traffic.begins_flow);
}

/// Sorted sets are born with a host's second flow; the first one is kept until then, and not lost. Where the bounds
/// allow none they are born with a later one.
void Accounting::add_talk(const IpAddress& address, Host& host, Verdict verdict, const Talk& talk, bool begins_flow) {
  if (view_ && !view_->host_sets) return;
  KnownHost& known = host.known;
  if (!known.has_sets) {
    if (known.first.bytes == 0) {
      known.first = talk;
      return;
    }
    if (!begins_flow && talk.of_same_flow(known.first)) {
      known.first.bytes += talk.bytes;
      return;
    }
    if (!births_.bear(kSetsOfHost)) return;
    known.has_sets = true;
    add_to_sets(address, host, Verdict::Born, known.first);
  }
  add_to_sets(address, host, verdict, talk);
}

void Accounting::add_to_sets(const IpAddress& address, Host& host, Verdict verdict, const Talk& talk) {
  // 64 different members set 41 bits of 64, 128 of them 55.
  constexpr int kFewBits = 40;
  if (talk.bytes == 0) return;
  const auto add = [&](size_t set, std::string_view of, const std::string& member) {
    KeyUpdate& update = buffer_.at_leisure(names_.host(address, of));
    update.add_member(member, talk.bytes);
    if (verdict != Verdict::Known) update.refresh();
    host.members[set] |= uint64_t{1} << (hash_text(hosts_.hash_function().seed, member) & 63);
    if (std::popcount(host.members[set]) > kFewBits) update.trim();
  };
  add(0, "peers", to_text(talk.peer));
  add(1, "protocols", std::string(talk.application));
  if (const std::string_view transport = transport_name(talk.protocol); !transport.empty())
    add(2, "ports", std::string(transport) + '.' + std::to_string(talk.port));
}

void Accounting::add_by_rule(const CloudRule& rule, const RecordRef& record, bool answered) {
  const IpAddress& address = rule.entity == Entity::Source ? record.common->source : record.common->destination;
  Verdict verdict = Verdict::Refused;
  Host* host = find_host(address, may_have_key(address, answered), verdict);
  KeyUpdate& update = buffer_.at(host != nullptr ? names_.host(address) : names_.other_hosts(address.version));
  update.add(rule.field, rule.amount == nullptr ? 1 : rule.amount(record.body));
  Seen& seen = host != nullptr ? host->seen : others_[address.version == 6 ? 1 : 0];
  if (host == nullptr) verdict = births_.always(seen.refreshed, now_s_);
  const int64_t packet_ms = record.common->packet_us / 1000;
  // A host that a transaction brings has its times at once; else its flow tells them when it ends.
  if (packet_ms != 0 && (verdict == Verdict::Born || seen.first_ms == kNever)) {
    Traffic when;
    when.start_ms = when.end_ms = packet_ms;
    return tell_times(update, seen, verdict, when);
  }
  refresh(update, verdict);
  if (packet_ms != 0) update.seen({packet_ms, packet_ms});
}

void Accounting::sweep(uint32_t now_s) {
  // All of them once in half a time to live, when called ten times a second.
  const auto share = [this](size_t buckets) { return 16 + buckets / (5 * std::max(1U, settings_.births.ttl_s)); };
  sweep_buckets(hosts_, swept_hosts_, std::min(hosts_.bucket_count(), share(hosts_.bucket_count())),
                [&](const Host& host) { return births_.forgotten(host.seen.refreshed, now_s); });
  sweep_buckets(macs_, swept_macs_, std::min(macs_.bucket_count(), share(macs_.bucket_count())),
                [&](const MacKey& mac) { return births_.forgotten(mac.seen.refreshed, now_s); });
  sweep_buckets(users_, swept_users_, std::min(users_.bucket_count(), share(users_.bucket_count())),
                [&](const Seen& user) { return births_.forgotten(user.refreshed, now_s); });
  sweep_buckets(of_trees_, swept_trees_, std::min(of_trees_.bucket_count(), share(of_trees_.bucket_count())),
                [&](const Seen& key) { return births_.forgotten(key.refreshed, now_s); });
}

}  // namespace microcloud
