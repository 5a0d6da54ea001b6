// A flow through one of the parsers of protocols/list.inc. Input: which protocol, a byte of options (bit 0: over TCP;
// bit 1: at its usual port), then steps: a byte of what happens, two of a length, so many bytes. fuzz/make-seeds writes
// inputs of this form. MICROCLOUD_FUZZ_PROTOCOL names the only protocol that is to be driven.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "base/cursor.h"
#include "protocols/protocols.h"
#include "record/json_grammar_test.h"
#include "tests/protocols/parser_driver.h"

namespace {

using namespace microcloud;

void demand(bool holds) {
  if (!holds) __builtin_trap();
}

// What happens in a step: bits.
constexpr unsigned kFromResponder = 1, kGap = 2, kCut = 4, kTimePasses = 8, kInMiddle = 16;

Common flow_of(const Protocol& protocol, unsigned options) {
  Common flow;
  const uint8_t client[4] = {192, 0, 2, 1}, server[4] = {192, 0, 2, 2};
  flow.source = IpAddress::v4(client);
  flow.destination = IpAddress::v4(server);
  flow.source_port = 40000;
  flow.destination_port = (options & 2) != 0 && !protocol.ports.empty() ? protocol.ports.front() : uint16_t{40001};
  flow.protocol = (options & 1) != 0 ? 6 : 17;
  flow.has_ports = true;
  return flow;
}

void check(const Protocol& protocol, const LineDialogue& told) {
  for (const RecordType* type : told.types) {
    demand(std::find(protocol.records.begin(), protocol.records.end(), type) != protocol.records.end());
  }
  for (const std::string& line : told.lines) demand(JsonGrammar::accepts(line));
}

/// The first byte of all inputs; nothing: each has its own.
std::optional<uint8_t> chosen() {
  const char* const name = std::getenv("MICROCLOUD_FUZZ_PROTOCOL");
  if (name == nullptr || *name == '\0') return std::nullopt;
  const auto all = protocols();
  for (size_t at = 0; at < all.size(); ++at) {
    if (all[at]->name == std::string_view(name)) return static_cast<uint8_t>(at);
  }
  std::fprintf(stderr, "MICROCLOUD_FUZZ_PROTOCOL=%s: no such protocol\n", name);
  std::exit(2);
}

}  // namespace

/// libFuzzer's; the replay has none, and mutates nothing.
extern "C" __attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t most);

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most, unsigned) {
  static const std::optional<uint8_t> only = chosen();
  const size_t mutated = LLVMFuzzerMutate(data, size, most);
  if (only && mutated != 0) data[0] = *only;
  return mutated;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Cursor in(Bytes(data, size));
  const auto all = protocols();
  if (all.empty()) return 0;
  static const std::optional<uint8_t> only = chosen();
  const size_t number = in.u8() % all.size();
  if (only && number != *only) return -1;
  const Protocol& protocol = *all[number];
  const unsigned options = in.u8();
  if (!in.ok()) return 0;
  const Common flow = flow_of(protocol, options);
  const bool tcp = (options & 1) != 0;
  DrivenFlow driven(protocol, flow);
  int64_t now_us = 1'700'000'000'000'000;
  while (in.left() > 0) {
    const unsigned what = in.u8();
    const size_t length = std::min<size_t>(in.u16(), in.left());
    const Bytes bytes = in.bytes(length);
    // In memory of just its size, so that the sanitizer sees a read behind it.
    const std::vector<uint8_t> payload(bytes.begin(), bytes.end());
    now_us += (what & kTimePasses) != 0 ? 10'000'000 : 1000;
    if ((what & kTimePasses) != 0) driven.time(now_us);
    Segment segment{.bytes = payload,
                    .octets = static_cast<uint32_t>(payload.size()),
                    .from_initiator = (what & kFromResponder) == 0,
                    .time_us = now_us};
    if ((what & kCut) != 0) segment.octets += 100;
    if (tcp && (what & kGap) != 0) segment.gap = 1 + what;
    if (tcp) segment.in_middle = (what & kInMiddle) != 0;
    protocol.recognise(segment, flow);
    if (protocol.recognise_more != nullptr) protocol.recognise_more(segment, std::span(&segment, 1), flow);
    driven.data(segment);
  }
  driven.end(static_cast<FlowOver>((options >> 2) % 3));
  check(protocol, driven.dialogue);
  return 0;
}
