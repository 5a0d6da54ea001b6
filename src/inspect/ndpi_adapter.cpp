// The only file that knows nDPI's headers. How many packets are shown, when a flow counts as decided and what is
// guessed follow example/reader_util.c of nDPI 4.2, so that names agree with ndpiReader's.
#include "inspect/ndpi_adapter.h"

#include <ndpi_api.h>
#include <ndpi_main.h>
#include <netinet/in.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <limits>
#include <new>
#include <set>
#include <stdexcept>
#include <vector>

#include "inspect/ndpi_rules.h"

// What newer versions call differently.
#define NDPI_AT_LEAST(major, minor) (NDPI_MAJOR > (major) || (NDPI_MAJOR == (major) && NDPI_MINOR >= (minor)))

namespace microcloud {
namespace {

// ndpiReader stops a UDP flow with the packet after the 24th, and TCP with that after the 80th, but nDPI itself looks
// at no more than 32 of any flow.
constexpr unsigned kMaxUdpPackets = 25;
constexpr unsigned kMaxPackets = 32;

ndpi_detection_module_struct* new_module() {
#if NDPI_AT_LEAST(4, 10)
  return ndpi_init_detection_module(nullptr);
#else
  return ndpi_init_detection_module(ndpi_no_prefs);
#endif
}

ndpi_protocol process(ndpi_detection_module_struct* module, ndpi_flow_struct& state, Bytes packet, uint64_t time_ms,
                      bool from_initiator) {
  const auto size =
      static_cast<unsigned short>(std::min<size_t>(packet.size(), std::numeric_limits<unsigned short>::max()));
#if NDPI_AT_LEAST(4, 6)
  const ndpi_flow_input_info info{
      .in_pkt_dir = static_cast<unsigned char>(from_initiator ? NDPI_IN_PKT_DIR_C_TO_S : NDPI_IN_PKT_DIR_S_TO_C),
      .seen_flow_beginning = NDPI_FLOW_BEGINNING_UNKNOWN};
  return ndpi_detection_process_packet(module, &state, packet.data(), size, time_ms, &info);
#else
  static_cast<void>(from_initiator);  // 4.2 tells directions by comparing addresses and ports
  return ndpi_detection_process_packet(module, &state, packet.data(), size, time_ms);
#endif
}

ndpi_protocol give_up(ndpi_detection_module_struct* module, ndpi_flow_struct& state) {
  uint8_t guessed = 0;
#if NDPI_AT_LEAST(4, 10)
  return ndpi_detection_giveup(module, &state, &guessed);
#else
  constexpr uint8_t kGuess = 1;
  return ndpi_detection_giveup(module, &state, kGuess, &guessed);
#endif
}

/// The number of an application, nDPI's own or a custom one; nDPI looks names up without regard to case.
unsigned application_number(ndpi_detection_module_struct* module, const std::string& name) {
  const unsigned count = ndpi_get_num_supported_protocols(module);
  for (unsigned number = 0; number < count; ++number) {
    const char* known = ndpi_get_proto_name(module, static_cast<uint16_t>(number));
    if (known != nullptr && strcasecmp(known, name.c_str()) == 0) return number;
  }
  return count;
}

[[noreturn]] void refuse(const std::string& path, const NdpiRule& rule, const std::string& what) {
  throw std::runtime_error(path + ':' + std::to_string(rule.line) + ": " + what);
}

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

/// nDPI says that there are too many on stdout, and goes on.
void check_room(ndpi_detection_module_struct* module, const std::vector<NdpiRule>& rules, const std::string& path) {
  constexpr size_t kMost = NDPI_MAX_NUM_CUSTOM_PROTOCOLS - 1;
  const unsigned known = ndpi_get_num_supported_protocols(module);
  std::set<std::string> own;
  for (const NdpiRule& rule : rules) {
    if (rule.application.empty() || application_number(module, rule.application) < known) continue;
    own.insert(lower_case(rule.application));
    if (own.size() > kMost) refuse(path, rule, "too many names (accepted: " + std::to_string(kMost) + " of one's own)");
  }
}

/// nDPI takes lines from a file only.
void load_lines(ndpi_detection_module_struct* module, const std::string& lines) {
  const int file = memfd_create("ndpi-protocols", MFD_CLOEXEC);
  const std::string name = "/proc/self/fd/" + std::to_string(file);
  const bool done = file >= 0 && write(file, lines.data(), lines.size()) == static_cast<ssize_t>(lines.size()) &&
                    access(name.c_str(), R_OK) == 0 && ndpi_load_protocols_file(module, name.c_str()) == 0;
  const int error = errno;
  if (file >= 0) close(file);
  if (!done) throw std::runtime_error("custom protocols cannot be handed to nDPI: " + std::string(strerror(error)));
}

void load_rules(ndpi_detection_module_struct* module, const std::vector<NdpiRule>& rules, const std::string& path) {
  check_room(module, rules, path);
  std::string lines;
  for (const NdpiRule& rule : rules) {
    std::string text = rule.text;  // nDPI writes into it
    int result = 0;
    switch (rule.kind) {
      case NdpiRule::Kind::Application:
        lines += text + '@' + rule.application + '\n';
        break;
      case NdpiRule::Kind::IpRiskMask:
        result = ndpi_add_ip_risk_mask(module, text.data(), rule.mask);
        break;
      case NdpiRule::Kind::HostRiskMask:
        result = ndpi_add_host_risk_mask(module, text.data(), rule.mask);
        break;
      case NdpiRule::Kind::TrustedIssuerDn:
        result = ndpi_add_trusted_issuer_dn(module, text.data());
        break;
    }
    if (result < 0) refuse(path, rule, "nDPI does not take \"" + rule.text + '"');
  }
  load_lines(module, lines);
}

/// Once the rules are loaded: nDPI silently keeps its own name for a host that it knows.
void check_rules(ndpi_detection_module_struct* module, const std::vector<NdpiRule>& rules, const std::string& path) {
  for (const NdpiRule& rule : rules) {
    if (rule.application.empty()) continue;
    const unsigned wanted = application_number(module, rule.application);
    if (wanted == ndpi_get_num_supported_protocols(module)) {
      refuse(path, rule, "nDPI does not take the name \"" + rule.application + '"');
    }
    if (rule.host.empty()) continue;
    std::string host = rule.host;
    ndpi_protocol_match_result match{};
    const int number = ndpi_match_string_subprotocol(module, host.data(), static_cast<unsigned>(host.size()), &match);
    if (number <= 0 || static_cast<unsigned>(number) == wanted) continue;
    refuse(path, rule,
           '"' + rule.host + "\" is taken by " + ndpi_get_proto_name(module, static_cast<uint16_t>(number)) +
               " (accepted: hosts that neither nDPI nor a line before it names)");
  }
}

bool is_whole_ipv4(Bytes packet) {
  constexpr size_t kLeastHeader = 20;
  constexpr uint16_t kFragmentOffset = 0x1fff;
  if (packet.size() < kLeastHeader) return false;
  return load_be16(&packet[2]) <= packet.size() && (load_be16(&packet[6]) & kFragmentOffset) == 0;
}

bool is_whole_ipv6(Bytes packet) {
  constexpr size_t kHeader = 40;
  constexpr uint8_t kFragment = 44;
  constexpr uint16_t kFragmentOffset = 0xfff8;
  if (packet.size() < kHeader || load_be16(&packet[4]) > packet.size() - kHeader) return false;
  if (packet[6] != kFragment) return true;
  return packet.size() >= kHeader + 8 && (load_be16(&packet[kHeader + 2]) & kFragmentOffset) == 0;
}

/// ndpiReader does not show nDPI what the capture cut, nor fragments but the first.
bool is_whole(Bytes packet) {
  if (packet.empty()) return false;
  return packet[0] >> 4 == 4 ? is_whole_ipv4(packet) : packet[0] >> 4 == 6 && is_whole_ipv6(packet);
}

}  // namespace

struct Ndpi::Flow {
  ndpi_flow_struct state;
  ndpi_protocol found;
  uint8_t most;  // packets to show
  uint8_t shown;
  bool decided;
  Flow* next_free;
};

void Ndpi::ModuleDeleter::operator()(ndpi_detection_module_struct* module) const {
  ndpi_exit_detection_module(module);
}

Ndpi::Ndpi(const Settings& settings) {
  if (ndpi_detection_get_sizeof_ndpi_flow_struct() != sizeof(ndpi_flow_struct)) {
    throw std::runtime_error("nDPI " + std::string(ndpi_revision()) + " is not the version that this was built with (" +
                             std::to_string(NDPI_MAJOR) + '.' + std::to_string(NDPI_MINOR) + ")");
  }
  module_.reset(new_module());
  if (!module_) throw std::runtime_error("nDPI cannot begin: no memory, or libgcrypt is too old");
  NDPI_PROTOCOL_BITMASK all;
  NDPI_BITMASK_SET_ALL(all);
  ndpi_set_protocol_detection_bitmask2(module_.get(), &all);
  if (settings.protocols_file.empty()) {
    ndpi_finalize_initialization(module_.get());
    return;
  }
  const std::vector<NdpiRule> rules = read_ndpi_rules(settings.protocols_file);
  load_rules(module_.get(), rules, settings.protocols_file);
  ndpi_finalize_initialization(module_.get());
  check_rules(module_.get(), rules, settings.protocols_file);
}

Ndpi::~Ndpi() {
  free_flows();
}

void Ndpi::retire() {
  free_flows();
  module_.reset();
}

void Ndpi::free_flows() {
  while (free_ != nullptr) {
    Flow* flow = free_;
    free_ = flow->next_free;
    delete flow;
  }
}

Ndpi::Flow* Ndpi::open(uint8_t protocol) {
  Flow* flow = free_;
  if (flow != nullptr) {
    free_ = flow->next_free;
    *flow = Flow{};
  } else {
    flow = new (std::nothrow) Flow{};
    if (flow == nullptr) return nullptr;
  }
  flow->most = protocol == IPPROTO_UDP ? kMaxUdpPackets : kMaxPackets;
  return flow;
}

Ndpi::Progress Ndpi::show(Flow& flow, Bytes ip_packet, int64_t time_us, bool from_initiator) {
  if (flow.decided) return Progress::Decided;
  if (!is_whole(ip_packet)) return Progress::More;
  const auto time_ms = static_cast<uint64_t>(std::max<int64_t>(time_us, 0)) / 1000;
  const bool was_unknown = flow.found.app_protocol == NDPI_PROTOCOL_UNKNOWN;
  flow.found = process(module_.get(), flow.state, ip_packet, time_ms, from_initiator);
  const bool is_known = flow.found.app_protocol != NDPI_PROTOCOL_UNKNOWN;
  if (++flow.shown >= flow.most) {
    decide(flow);
  } else if (is_known) {
    flow.decided = ndpi_extra_dissection_possible(module_.get(), &flow.state) == 0;
  }
  if (flow.decided) return Progress::Decided;
  return is_known && was_unknown ? Progress::Named : Progress::More;
}

std::array<uint16_t, 2> Ndpi::proven(const Flow& flow) {
  static_assert(NDPI_PROTOCOL_UNKNOWN == 0);
  if (flow.state.confidence != NDPI_CONFIDENCE_DPI) return {};
  return {flow.found.master_protocol, flow.found.app_protocol};
}

uint16_t Ndpi::number_of(std::string_view name) const {
  const unsigned number = application_number(module_.get(), std::string(name));
  return static_cast<uint16_t>(number < ndpi_get_num_supported_protocols(module_.get()) ? number : 0);
}

/// Of a flow that is known, giving up tells the same once more, whatever was still to be read in it.
void Ndpi::decide(Flow& flow) {
  if (flow.decided) return;
  flow.decided = true;
  if (flow.shown > 0) flow.found = give_up(module_.get(), flow.state);
}

Application Ndpi::conclude(Flow& flow) {
  decide(flow);
  return so_far(flow);
}

Application Ndpi::so_far(const Flow& flow) {
  uint16_t client_score = 0;
  uint16_t server_score = 0;
  return {.name = name_of(flow),
          .category = ndpi_category_get_name(module_.get(), flow.found.category),
          .confidence = static_cast<uint8_t>(flow.state.confidence),
          .risks = flow.state.risk,
          .score = ndpi_risk2score(flow.state.risk, &client_score, &server_score)};
}

std::string_view Ndpi::name_of(const Flow& flow) {
  const uint32_t both = static_cast<uint32_t>(flow.found.master_protocol) << 16 | flow.found.app_protocol;
  std::string& name = names_[both];
  if (name.empty()) {
    std::array<char, 128> room{};
    name = ndpi_protocol2name(module_.get(), flow.found, room.data(), room.size());
  }
  return name;
}

void Ndpi::close(Flow* flow) {
  if (flow == nullptr) return;
  ndpi_free_flow_data(&flow->state);
  flow->next_free = free_;
  free_ = flow;
}

size_t Ndpi::flow_size() {
  return sizeof(Flow);
}

std::string_view risk_name(unsigned bit) {
  if (bit == NDPI_NO_RISK || bit >= NDPI_MAX_RISK) return {};
  return ndpi_risk2str(static_cast<ndpi_risk_enum>(bit));
}

std::string_view confidence_name(uint8_t confidence) {
  if (confidence >= NDPI_CONFIDENCE_MAX) return {};
  const char* name = ndpi_confidence_get_name(static_cast<ndpi_confidence_t>(confidence));
  return name == nullptr ? std::string_view() : name;
}

}  // namespace microcloud
