// For tests of exporters: a link that keeps the bytes that it is given.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "export/exporter.h"

namespace microcloud {

class KeepingLink final : public Link {
 public:
  explicit KeepingLink(size_t most = 1400) : Link("kept"), most_(most) {}
  void start(Opening& opening) override { opening.begin_session(); }
  size_t largest_message() const override { return most_; }
  void send(MessageBatch& batch) override {
    char* at = batch.bytes.data();
    for (const MessageInfo& info : batch.messages) {
      session_.stamp(at, info);
      messages.emplace_back(at, info.size);
      at += info.size;
      counters_.count_sent(info);
    }
    batch.clear();
  }
  void finish() override {}
  bool forgets() const override { return true; }

  std::vector<std::string> messages;

 private:
  size_t most_;
};

/// Bytes as "00 0a": blanks are for the eye.
inline std::string bytes(std::string_view hex) {
  std::string out;
  std::string digits;
  for (const char letter : hex) {
    if (letter == ' ' || letter == '\n') continue;
    digits += letter;
    if (digits.size() == 2) {
      out += static_cast<char>(std::stoi(digits, nullptr, 16));
      digits.clear();
    }
  }
  return out;
}

inline std::string hex(std::string_view from) {
  std::string out;
  for (const char letter : from) {
    constexpr char kDigits[] = "0123456789abcdef";
    out += kDigits[static_cast<uint8_t>(letter) >> 4];
    out += kDigits[static_cast<uint8_t>(letter) & 15];
  }
  return out;
}

/// The same names as flow records have, so that exporters find them.
struct TestFlow {
  Milliseconds start{1'000'000'000'000};
  Milliseconds end{1'000'000'001'500};
  uint64_t octets = 1000;
  uint64_t packets = 10;
  uint64_t reverse_octets = 2000;
  uint64_t reverse_packets = 20;
  std::optional<uint16_t> flags;
  std::optional<uint16_t> reverse_flags;
  uint8_t tos = 0;
  std::optional<uint32_t> ingress;
  Text<400> name{};
  List<uint16_t, 4> list;
};

inline constexpr Field kTestFields[] = {
    field<&TestFlow::start>("flowStartMilliseconds", {"FLOW_START_MILLISECONDS", pen::kIana, 152}, ""),
    field<&TestFlow::end>("flowEndMilliseconds", {"FLOW_END_MILLISECONDS", pen::kIana, 153}, ""),
    field<&TestFlow::octets>("octetDeltaCount", {"IN_BYTES", pen::kIana, 1}, "", Role::DeltaCounter, Unit::Octets),
    field<&TestFlow::packets>("packetDeltaCount", {"IN_PKTS", pen::kIana, 2}, "", Role::DeltaCounter),
    field<&TestFlow::reverse_octets>("reverseOctetDeltaCount", {"OUT_BYTES", pen::kReverse, 1, 23}, "",
                                     Role::DeltaCounter),
    field<&TestFlow::reverse_packets>("reversePacketDeltaCount", {"OUT_PKTS", pen::kReverse, 2, 24}, "",
                                      Role::DeltaCounter),
    field<&TestFlow::flags>("tcpControlBits", {"TCP_FLAGS", pen::kIana, 6}, "", Role::Flags),
    field<&TestFlow::reverse_flags>("reverseTcpControlBits", {"SERVER_TCP_FLAGS", pen::kReverse, 6, 57551}, "",
                                    Role::Flags),
    field<&TestFlow::tos>("ipClassOfService", {"SRC_TOS", pen::kIana, 5}, ""),
    field<&TestFlow::ingress>("ingressInterface", {"INPUT_SNMP", pen::kIana, 10}, ""),
    field<&TestFlow::name>("name", {"NAME", pen::kNtop, 300}, "a name"),
    field<&TestFlow::list>("list", {"", pen::kOwn, 7}, "numbers", Role::List),
};
inline const RecordType kTestType{"flow", "flow", kTestFields, sizeof(TestFlow)};
inline constexpr const RecordType* kTestTypes[] = {&kTestType};

inline Common test_common() {
  Common common;
  const uint8_t source[] = {10, 0, 0, 1};
  const uint8_t destination[] = {10, 0, 0, 2};
  common.source = IpAddress::v4(source);
  common.destination = IpAddress::v4(destination);
  common.source_port = 4000;
  common.destination_port = 53;
  common.protocol = 17;
  common.has_ports = true;
  common.flow_id = 0x0102;
  return common;
}

}  // namespace microcloud
