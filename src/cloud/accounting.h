// From records to what grows in the MicroCloud: hosts, MAC addresses, VLANs, applications, ports, users.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "cloud/address_hash.h"
#include "cloud/births.h"
#include "cloud/key_names.h"
#include "cloud/merge_buffer.h"
#include "cloud/recent_hosts.h"
#include "cloud/system_samples.h"
#include "record/record.h"

namespace microcloud {

/// Which addresses may get a key of their own (--hosts). Answered: local ones, and those that sent in a flow in which
/// the other side sent too. What the others send and receive adds up in ip.other4 and ip.other6.
enum class HostChoice : uint8_t { All, Local, Answered };

struct AccountingSettings {
  std::string realm;
  HostChoice hosts = HostChoice::All;
  std::function<bool(const IpAddress&)> is_local;  // of Local and Answered; none: no address is
  BirthLimits births;
  uint32_t scale = 1;  // of a probe that meters one packet in so many: bytes and packets count so often
};

/// What a host's sorted sets grow by.
struct Talk {
  IpAddress peer;
  uint16_t port = 0;  // of the responder
  uint8_t protocol = 0;
  std::string_view application;  // lives as long as the accounting that told it
  uint64_t bytes = 0;
  bool of_same_flow(const Talk& other) const {
    return peer == other.peer && port == other.port && protocol == other.protocol;
  }
};

/// Of a host that has a key.
struct KnownHost {
  bool has_sets = false;  // .peers, .ports and .protocols are there: since the second flow
  Talk first;             // of the first one, until then; its bytes are 0 before
};

/// For a look at what records would make grow, after which all is thrown away: nothing is refused, and what is not
/// asked for is left out.
struct AccountingView {
  bool host_sets = true;
  bool macs = true;
  bool vlans = true;
  bool applications = true;
  bool ports = true;
  bool hosts = true;
  /// Only these hosts have keys; nullptr: all have.
  const std::unordered_set<IpAddress, IpAddressHash>* only_hosts = nullptr;
  /// What the accounting that it is a look at knows of a host; empty: it knows none.
  std::function<std::optional<KnownHost>(const IpAddress&)> known = {};
};

/// One thread at a time. Each record is added once; slices of a flow add up. What a host sent and received is told from
/// its own side, so that all ip.* together equal the wire.
class Accounting final : private HostLessons, private TreeNotes {
 public:
  /// `urgent`: for what others wait for: where a call wants its media, where clients are sent to.
  Accounting(AccountingSettings settings, MergeBuffer& buffer, MergeBuffer& urgent, HashSeed seed);
  Accounting(AccountingSettings settings, MergeBuffer& buffer, HashSeed seed, AccountingView view);

  /// `now_s`: seconds of a clock that starts at 1 or later and never steps back; keys live by it.
  void put(const RecordRef& record, uint32_t now_s);
  /// A few times a second: forgets a part of the keys that have expired.
  void sweep(uint32_t now_s);
  /// A key had gone from the node and was born again: what it holds of what was taken from the buffer is of these
  /// times. All that is told of a key beside its counters is told again with its next traffic.
  void reborn(std::string_view key, const SeenTimes& times);
  /// See Births.
  uint64_t arrived_births(uint64_t waiting) const { return births_.arrived(waiting); }
  void set_keys_of_node(uint64_t count, uint64_t arrived) { births_.set_keys_of_node(count, arrived); }

  /// Nothing: the host has no key, as far as this probe knows.
  std::optional<KnownHost> known_host(const IpAddress& address) const;

  /// Times that a key was not born because of the bounds.
  uint64_t keys_refused() const { return births_.refused(); }
  /// Hosts, MAC addresses, users and names of trees whose keys this probe has refreshed within the time to live, and a
  /// few more.
  size_t keys_known() const { return hosts_.size() + macs_.size() + users_.size() + of_trees_.size(); }

 private:
  static constexpr int64_t kNever = INT64_MAX;
  /// What was told of one key.
  struct Seen {
    Refreshed refreshed = 0;
    bool is_reborn = false;
    int64_t first_ms = kNever;
    int64_t last_ms = 0;
  };
  /// What one side of a flow sent and received.
  struct Side {
    uint64_t bytes_sent;
    uint64_t bytes_rcvd;
    uint64_t packets_sent;
    uint64_t packets_rcvd;
    bool client;
    uint64_t bytes() const { return bytes_sent + bytes_rcvd; }
  };
  struct Host {
    Seen seen;
    Mac mac{};
    SystemSamples systems;
    uint64_t name = 0;  // hash of the one that was told; user: too
    uint64_t user = 0;
    KnownHost known;
    /// A bit for each member of .peers, .protocols and .ports that this probe has told of, by its hash: few bits mean
    /// few members.
    std::array<uint64_t, 3> members{};
  };
  struct MacKey {
    Seen seen;
    IpAddress address;
    uint16_t vlan = 0xffff;
  };
  struct MacHash {
    HashSeed seed;
    size_t operator()(const Mac& mac) const;
  };
  using Verdict = Births::Verdict;

  void add_traffic(const Common& common, const Traffic& traffic);
  std::string_view add_application(const Traffic& traffic, const Side& client);
  void add_entity(std::string_view key, Seen& seen, Verdict verdict, const Side& side, const Traffic& traffic);
  void add_mac(const std::optional<Mac>& mac, const IpAddress& address, const Common& common, const Side& side,
               const Traffic& traffic);
  void add_host(const IpAddress& address, const Common& common, const Side& side, const std::optional<Mac>& mac,
                const Talk& talk, const Traffic& traffic);
  void add_talk(const IpAddress& address, Host& host, Verdict verdict, const Talk& talk, bool begins_flow);
  void add_to_sets(const IpAddress& address, Host& host, Verdict verdict, const Talk& talk);
  void add_user(std::string_view user, const Side& side, const Traffic& traffic);
  /// What is known of a host beside its counters, where it is news to the node.
  void tell_learnt(const IpAddress& address, Host& host, Verdict verdict, KeyUpdate& update, std::string_view user);
  void name(const IpAddress& address, std::string_view name) override;
  void system(const IpAddress& address, HostSystem system) override;
  void add_by_rule(const CloudRule& rule, const RecordRef& record, bool answered);
  void add_service(const ServiceCall& call, const Common& common);
  void add_tree(const CloudTree& tree, const RecordRef& record, const std::optional<ServiceCall>& call);
  /// What is known of a tree's key, without the realm; nullptr: the bounds allow none.
  Seen* find_in_trees(std::string_view key, Verdict& verdict);
  void leave(std::string_view prefix, std::string_view name, std::span<const Text> texts) override;
  void close(std::string_view prefix, std::string_view name, const Text& where, const Text& mark,
             uint32_t seconds) override;
  KeyUpdate& at_tree(std::string_view prefix, std::string_view name, const Common& common);
  bool may_have_key(const IpAddress& address, bool answered) const;
  bool looks_at(const IpAddress& address, bool answered) const;
  /// The host's state; nullptr: it has no key. `eligible`: it may be born now.
  Host* find_host(const IpAddress& address, bool eligible, Verdict& verdict);
  void add_counts(KeyUpdate& update, const Side& side, bool begins_flow, const TrafficFieldNames::Names& names) const;
  static void refresh(KeyUpdate& update, Verdict verdict);
  Seen* find_seen(std::string_view key);
  static Verdict with_rebirth(Seen& seen, Verdict verdict);
  static void tell_times(KeyUpdate& update, Seen& seen, Verdict verdict, const Traffic& traffic);

  AccountingSettings settings_;
  std::optional<AccountingView> view_;
  MergeBuffer& buffer_;
  MergeBuffer& urgent_;
  Births births_;
  KeyNames names_;
  TrafficFieldNames fields_;
  uint32_t now_s_ = 1;
  std::unordered_map<IpAddress, Host, IpAddressHash> hosts_;
  std::unordered_map<Mac, MacKey, MacHash> macs_;
  std::unordered_map<uint16_t, Seen> vlans_;
  std::unordered_map<std::string, Seen, TextHash, std::equal_to<>> applications_;  // never forgotten: talks point here
  std::unordered_map<uint32_t, Seen> ports_;                                       // protocol << 16 | port
  std::unordered_map<std::string, Seen, TextHash, std::equal_to<>> users_;
  std::unordered_map<std::string, Seen, TextHash, std::equal_to<>> of_trees_;    // by their keys, without the realm
  std::string name_;                                                             // room
  std::array<Seen, 2> others_;                                                   // IPv4, IPv6
  size_t swept_hosts_ = 0, swept_macs_ = 0, swept_users_ = 0, swept_trees_ = 0;  // buckets
  RecentHosts<std::string> host_names_;  // a name is asked for before it is connected to
};

}  // namespace microcloud
