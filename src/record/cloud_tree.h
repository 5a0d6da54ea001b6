// Keys of their own that a record makes grow in the MicroCloud, for what it names beside its hosts: services, URLs,
// sites, servers.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "record/cloud_rule.h"
#include "record/service_calls.h"

namespace microcloud {

struct RecordRef;

/// What a record tells of the health of a service: the counters `requests` and `errors`, and how long things took.
struct ServiceCall {
  bool is_request = true;  // a request that counts; false: only its answer
  bool failed = false;     // answered with an error, or not at all in its time
  bool by_server = false;  // the record's source is the server
  /// From the last packet of the request to the first of its answer.
  std::optional<uint32_t> latency_us;
  /// The first one of its connection: what the handshake told of the network counts once.
  bool begins_connection = false;
  /// Of a record that tells of many requests: these are counted, and not is_request, failed and latency_us. Part of the
  /// record's body.
  const ServiceCalls* many = nullptr;
};

/// One tree: keys `<prefix><name>`, hashes that expire like a host's.
struct CloudTree {
  std::string_view prefix;                                  // "http.host."
  std::string_view pattern;                                 // of the key, for people: "http.host.<name>"
  bool (*name)(const RecordRef& record, std::string& out);  // appends the name; false: the record has none
  std::span<const CloudRule> counters = {};                 // their entities do not matter
  bool has_health = false;                                  // and what RecordType::service tells
};

/// A text in a key of a tree: what TreeNotes are told by its record, for people.
struct TreeText {
  std::string_view pattern;  // of the key
  std::string_view field;
  std::string_view meaning;
};

/// What a record leaves in keys of trees beside counters.
class TreeNotes {
 public:
  struct Text {
    std::string_view field;
    std::string_view value;
  };
  virtual ~TreeNotes() = default;
  /// The key `<prefix><name>` has these texts from now on: of several that are left the last one.
  virtual void leave(std::string_view prefix, std::string_view name, std::span<const Text> texts) = 0;
  /// Where the key still says `where` it says `mark` too, and is gone so many seconds from now, unless it is left
  /// something before.
  virtual void close(std::string_view prefix, std::string_view name, const Text& where, const Text& mark,
                     uint32_t seconds) = 0;
};

}  // namespace microcloud
