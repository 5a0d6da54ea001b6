// A flow through one of the parsers of protocols/list.inc. Input: the protocol's name and a newline, a byte of options
// (bit 0: over TCP; bit 1: at its usual port), then steps: a byte of what happens, two of a length, so many bytes.
// fuzz/make-seeds writes inputs of this form; one that is kept is named PROTOCOL-WHAT-IT-IS.
// MICROCLOUD_FUZZ_PROTOCOL names the only protocol that is to be driven.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

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

const Protocol* named(std::string_view name) {
  const auto all = protocols();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Protocol* one) { return one->name == name; });
  return found == all.end() ? nullptr : *found;
}

/// The only protocol; null: each input names its own.
const Protocol* only_one() {
  const char* const name = std::getenv("MICROCLOUD_FUZZ_PROTOCOL");
  if (name == nullptr || *name == '\0') return nullptr;
  const Protocol* const found = named(name);
  if (found == nullptr) {
    std::fprintf(stderr, "MICROCLOUD_FUZZ_PROTOCOL=%s: no such protocol\n", name);
    std::exit(2);
  }
  return found;
}

struct Input {
  const Protocol* protocol = nullptr;  // null: the name is none
  Bytes rest;                          // behind the newline; all where the name is none
};

Input read_input(Bytes data) {
  const auto newline = std::find(data.begin(), data.end(), uint8_t{'\n'});
  const Protocol* const protocol = named(std::string(data.begin(), newline));
  if (newline == data.end() || protocol == nullptr) return {nullptr, data};
  return {protocol, Bytes(newline + 1, data.end())};
}

}  // namespace

/// libFuzzer's; the replay has none, and mutates nothing.
extern "C" __attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t most);

/// The name stays one, and now and then becomes another.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most, unsigned seed) {
  static const Protocol* const only = only_one();
  const auto all = protocols();
  const Input input = read_input(Bytes(data, size));
  const bool stays = input.protocol != nullptr && seed % 16 != 0;
  const Protocol* const protocol = only != nullptr ? only : stays ? input.protocol : all[seed / 16 % all.size()];
  const std::string head = std::string(protocol->name) + '\n';
  if (most <= head.size()) return 0;
  std::vector<uint8_t> rest(most - head.size());
  const size_t length = std::min(input.rest.size(), rest.size());
  std::copy_n(input.rest.begin(), length, rest.begin());
  const size_t mutated = LLVMFuzzerMutate(rest.data(), length, rest.size());
  std::copy(head.begin(), head.end(), data);
  std::copy_n(rest.begin(), mutated, data + head.size());
  return head.size() + mutated;
}

/// replay.cpp's: does an input that is kept in a file of this name reach the parser that the name begins with?
extern "C" bool fuzz_input_is_what_it_is_named(const char* name, const uint8_t* data, size_t size) {
  const Input input = read_input(Bytes(data, size));
  constexpr size_t kOptionsAndStep = 1 + 3;
  return input.protocol != nullptr && std::string_view(name).starts_with(std::string(input.protocol->name) + '-') &&
         input.rest.size() > kOptionsAndStep;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Protocol* const only = only_one();
  const Input input = read_input(Bytes(data, size));
  if (input.protocol == nullptr || (only != nullptr && input.protocol != only)) return -1;
  const Protocol& protocol = *input.protocol;
  Cursor in(input.rest);
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
