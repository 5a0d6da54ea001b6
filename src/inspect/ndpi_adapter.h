// nDPI (https://github.com/ntop/nDPI) as the probe uses it: a flow's packets in, the application's name out. The names
// are those that nDPI's own ndpiReader gives to the same packets.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/cursor.h"

struct ndpi_detection_module_struct;  // nDPI's

namespace microcloud {

/// What nDPI says of a flow. Views live as long as the Ndpi.
struct Application {
  std::string_view name;      // "TLS.YouTube", "DNS", "Unknown"
  std::string_view category;  // nDPI's name
  uint8_t confidence = 0;     // nDPI's number; confidence_name() gives its name
  uint64_t risks = 0;         // bit n: nDPI's risk n; risk_name() gives its name
  uint16_t score = 0;         // nDPI's sum over the risks
};

/// nDPI's state of one worker, used by its thread alone. Nothing that is shown to it throws or prints.
class Ndpi {
 public:
  struct Settings {
    std::string protocols_file;  // custom protocols, as ndpiReader -p; empty: none
  };

  /// Throws std::runtime_error: FILE:LINE and what is wrong with it, or that nDPI cannot begin. nDPI's beginning is not
  /// thread-safe: one at a time.
  explicit Ndpi(const Settings& settings);
  ~Ndpi();
  Ndpi(const Ndpi&) = delete;
  Ndpi& operator=(const Ndpi&) = delete;

  /// nDPI's state of one flow.
  struct Flow;
  /// For a flow of this IP protocol; nullptr: no memory. To be closed before the Ndpi ends.
  Flow* open(uint8_t protocol);

  /// What a packet has come to. Named: nDPI has begun to know the application, and wants more. Decided: the application
  /// is known for good, or as many packets were seen as nDPI looks at; further ones are ignored.
  enum class Progress : uint8_t { More, Named, Decided };
  /// Shows the flow's next packet: the innermost IP header on, as captured (bytes behind the packet do no harm). What
  /// nDPI cannot read - packets cut by the capture, later fragments - is passed over and not counted.
  Progress show(Flow& flow, Bytes ip_packet, int64_t time_us, bool from_initiator);

  /// nDPI's numbers for the protocol of a flow and the application in it, where its payload says so: not ports,
  /// addresses, or what other flows were. 0: none.
  static std::array<uint16_t, 2> proven(const Flow& flow);
  /// 0: nDPI does not know this name. Upper and lower case are the same.
  uint16_t number_of(std::string_view name) const;

  /// What is known by now ("Unknown": nothing); decides nothing. For a flow that is told before it has ended.
  Application so_far(const Flow& flow);

  /// What is known; when it is undecided, guessed by ports and addresses as ndpiReader does at a flow's end. This
  /// decides: later packets are ignored.
  Application conclude(Flow& flow);

  /// Takes the flow's memory back for the next one.
  void close(Flow* flow);

  /// No flow is open and none will be: gives the memory back, but for the names, which records may still point to.
  void retire();

  /// Bytes that one open flow takes, without what nDPI allocates for some protocols (names, certificates).
  static size_t flow_size();

 private:
  struct ModuleDeleter {
    void operator()(ndpi_detection_module_struct* module) const;
  };

  void free_flows();
  void decide(Flow& flow);
  std::string_view name_of(const Flow& flow);

  std::unique_ptr<ndpi_detection_module_struct, ModuleDeleter> module_;
  std::unordered_map<uint32_t, std::string> names_;  // by both protocol numbers; there are a few hundred of each
  Flow* free_ = nullptr;                             // closed flows, one behind the other
};

/// nDPI's words for a bit of Application::risks ("Known Protocol on Non Standard Port"); empty: no such risk.
std::string_view risk_name(unsigned bit);
/// nDPI's words for Application::confidence ("DPI", "Match by port"); empty: no such number.
std::string_view confidence_name(uint8_t confidence);

}  // namespace microcloud
