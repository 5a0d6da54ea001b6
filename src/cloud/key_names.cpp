#include "cloud/key_names.h"

#include <algorithm>
#include <charconv>

namespace microcloud {
namespace {

constexpr size_t kLongestRealm = 64;

void append_number(std::string& out, unsigned number) {
  std::array<char, 12> room;
  out.append(room.data(), std::to_chars(room.data(), room.data() + room.size(), number).ptr);
}

void append_address(std::string& out, const IpAddress& address) {
  std::array<char, kAddressTextSize> room;
  char* end = room.data();
  if (address.version == 4) end = write_text(end, address.as_v4());
  if (address.version == 6) end = write_text(end, address.as_v6());
  out.append(room.data(), end);
}

}  // namespace

bool is_realm_name(std::string_view name) {
  return !name.empty() && name.size() <= kLongestRealm && std::all_of(name.begin(), name.end(), [](char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9') ||
           letter == '-' || letter == '_';
  });
}

std::string realm_prefix(std::string_view realm) {
  return realm.empty() ? std::string() : std::string(realm) + '/';
}

KeyNames::KeyNames(std::string_view realm) : name_(realm_prefix(realm)), prefix_(name_.size()) {}

std::string_view KeyNames::host(const IpAddress& address) {
  start("ip.");
  append_address(name_, address);
  return name_;
}

std::string_view KeyNames::host(const IpAddress& address, std::string_view of) {
  host(address);
  name_ += '.';
  name_ += of;
  return name_;
}

std::string_view KeyNames::other_hosts(uint8_t ip_version) {
  start(ip_version == 6 ? "ip.other6" : "ip.other4");
  return name_;
}

std::string_view KeyNames::mac(const Mac& mac) {
  start("mac.");
  std::array<char, kAddressTextSize> room;
  name_.append(room.data(), write_text(room.data(), mac));
  return name_;
}

std::string_view KeyNames::vlan(uint16_t id) {
  start("vlan.");
  append_number(name_, id);
  return name_;
}

std::string_view KeyNames::application(std::string_view name) {
  start("proto.");
  name_ += name;
  return name_;
}

std::string_view KeyNames::port(std::string_view transport, uint16_t port) {
  start("port.");
  name_ += transport;
  name_ += '.';
  append_number(name_, port);
  return name_;
}

std::string_view KeyNames::of_tree(std::string_view prefix, std::string_view name) {
  start(prefix);
  name_ += name;
  return name_;
}

std::string_view KeyNames::probe(std::string_view id) {
  start("probe.");
  name_ += id;
  return name_;
}

std::string_view KeyNames::user(std::string_view id) {
  start("user.");
  name_ += id;
  return name_;
}

std::string_view KeyNames::identity(const IpAddress& address) {
  start("identity.");
  append_address(name_, address);
  return name_;
}

std::string_view KeyNames::identity(const IpAddress& network, uint8_t bits) {
  identity(network);
  name_ += '/';
  append_number(name_, bits);
  return name_;
}

std::string_view KeyNames::identity(const Mac& mac) {
  start("identity.");
  std::array<char, kAddressTextSize> room;
  name_.append(room.data(), write_text(room.data(), mac));
  return name_;
}

const TrafficFieldNames::Names& TrafficFieldNames::plain() {
  static constexpr Names kNames = {"bytesSent",   "bytesRcvd",   "packetsSent",
                                   "packetsRcvd", "flowsClient", "flowsServer"};
  return kNames;
}

const TrafficFieldNames::Names& TrafficFieldNames::of_vlan(uint16_t id) {
  if (vlans_.size() <= id) vlans_.resize(size_t{id} + 1);
  std::unique_ptr<OfVlan>& vlan = vlans_[id];
  if (vlan == nullptr) {
    vlan = std::make_unique<OfVlan>();
    for (size_t at = 0; at < plain().size(); ++at) {
      append_number(vlan->texts[at], id);
      vlan->texts[at] += '.';
      vlan->texts[at] += plain()[at];
      vlan->names[at] = vlan->texts[at];
    }
  }
  return vlan->names;
}

}  // namespace microcloud
