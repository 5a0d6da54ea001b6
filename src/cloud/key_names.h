// The names of the MicroCloud's keys: dots make trees, and a realm's keys stand behind its name and a slash.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"

namespace microcloud {

/// A realm's name: letters, digits, '-' and '_', at most 64. Empty is the default realm, which has no prefix.
bool is_realm_name(std::string_view name);

/// What stands before the names of its keys and channels: `NAME/`, or nothing.
std::string realm_prefix(std::string_view realm);

/// A user's key that has this field belongs to who put him there; traffic alone does not decide how long it lives.
inline constexpr std::string_view kManagedField = "source";

/// What a host is learnt to be, in its key: its name, its operating system, whose it is.
inline constexpr std::string_view kNameField = "name", kSystemField = "os", kUserField = "user";

/// Writes names. Each one stands in the writer and is valid until the next call.
class KeyNames {
 public:
  explicit KeyNames(std::string_view realm = {});

  std::string_view host(const IpAddress& address);
  /// `of`: "peers", "ports", "protocols".
  std::string_view host(const IpAddress& address, std::string_view of);
  std::string_view other_hosts(uint8_t ip_version);
  std::string_view mac(const Mac& mac);
  std::string_view vlan(uint16_t id);
  std::string_view application(std::string_view name);
  /// `transport`: "tcp", "udp".
  std::string_view port(std::string_view transport, uint16_t port);
  /// Of another tree: the prefix and the name as they are.
  std::string_view of_tree(std::string_view prefix, std::string_view name);
  std::string_view probe(std::string_view id);
  std::string_view user(std::string_view id);
  /// Who owns it: an address, a prefix, a MAC address.
  std::string_view identity(const IpAddress& address);
  std::string_view identity(const IpAddress& network, uint8_t bits);
  std::string_view identity(const Mac& mac);

 private:
  void start(std::string_view tree) {
    name_.resize(prefix_);
    name_ += tree;
  }
  std::string name_;
  size_t prefix_;
};

/// The counters that hosts, MAC addresses, VLANs, applications and ports have.
enum class TrafficField : uint8_t { BytesSent, BytesRcvd, PacketsSent, PacketsRcvd, FlowsClient, FlowsServer, kCount };

/// Their names, also those of one VLAN ("12.bytesSent"); they live as long as this object.
class TrafficFieldNames {
 public:
  using Names = std::array<std::string_view, static_cast<size_t>(TrafficField::kCount)>;
  static const Names& plain();
  const Names& of_vlan(uint16_t id);

 private:
  struct OfVlan {
    std::array<std::string, static_cast<size_t>(TrafficField::kCount)> texts;
    Names names;
  };
  std::vector<std::unique_ptr<OfVlan>> vlans_;  // by id, as they come: at most 4,096
};

}  // namespace microcloud
