// A record: what the probe learnt, of any type. The only currency behind the flow table; every output takes records.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/address.h"
#include "record/cloud_rule.h"
#include "record/cloud_tree.h"
#include "record/field.h"
#include "record/fixed_fields.h"
#include "record/host_lessons.h"

namespace microcloud {

/// What every record has. Source is the flow's initiator, or the transaction's client.
struct Common {
  IpAddress source;
  IpAddress destination;
  uint16_t source_port = 0;  // 0 where the protocol has none
  uint16_t destination_port = 0;
  uint8_t protocol = 0;
  bool has_ports = false;
  std::optional<uint16_t> vlan;  // outermost tag
  uint64_t flow_id = 0;
  std::string_view probe_id;     // this, the users, `sampling` and `community_seed` are set on the way out
  std::string_view source_user;  // whose the address is, as the MicroCloud knows; empty: nobody known
  std::string_view destination_user;
  std::optional<uint32_t> sampling;        // one packet in so many was metered; nothing: all
  std::optional<uint16_t> icmp_type_code;  // of the flow's first packet: ICMP's Community ID is made of it
  std::optional<uint32_t> client_network_us, server_network_us;  // of transactions over TCP: half a round trip, each
  uint16_t community_seed = 0;                                   // of Community IDs: that of the probe's realm
  int64_t packet_us = 0;  // since 1970: time of the packet that completed the record; 0: none did, but a time-out
};

struct RecordRef;

/// A record type: declared once, beside the code that fills its body.
struct RecordType {
  std::string_view name;     // the `record` element
  std::string_view meaning;  // one record per ...
  std::span<const Field> fields;
  size_t body_size;
  std::span<const CloudRule> cloud = {};           // what grows in the MicroCloud with each record
  Traffic (*traffic)(const void* body) = nullptr;  // null: records of the type tell of no traffic
  FixedWriter put_fixed = nullptr;                 // fixed_writer<> of `fields`, where there are many such records
  void (*teach)(const RecordRef&, HostLessons&) = nullptr;  // null: they teach nothing about hosts
  std::span<const CloudTree> trees = {};
  /// Of records whose destination is a server: how it did. Null: they tell nothing of that.
  std::optional<ServiceCall> (*service)(const void* body) = nullptr;
  void (*note)(const RecordRef&, TreeNotes&) = nullptr;  // null: they leave nothing in trees but counters
  std::span<const TreeText> texts = {};                  // that it leaves
  /// Octets of the body, from its beginning, that hold all that it tells; null: body_size. No more is handed on.
  size_t (*used)(const void* body) = nullptr;
};

/// A record on its way: valid while the one who gave it says so.
struct RecordRef {
  const RecordType* type;
  const Common* common;
  const void* body;

  /// Octets of the body that are there.
  size_t body_used() const { return type->used != nullptr ? type->used(body) : type->body_size; }
};

/// The flow's Community ID, in its realm: kCommunityIdSize characters at `out`.
void write_community_id(const Common& common, char* out);

/// The rows of Common.
std::span<const Field> common_fields();
uint64_t put_common_fixed(const Common& common, char* out);

/// Where records go: an output, or the ring to the outputs. Called on one thread.
class RecordSink {
 public:
  virtual ~RecordSink() = default;
  virtual void put(const RecordRef& record) = 0;
};

}  // namespace microcloud
