#include "capture/fanout.h"

#include <linux/if_ether.h>
#include <netinet/in.h>

#include <array>
#include <cassert>
#include <cstdint>

namespace microcloud {

namespace {

// Offsets from the network header, wherever the packet's data begins: at the link header when it is sent, behind it
// when it is received.
constexpr uint32_t at_network(uint32_t offset) {
  return static_cast<uint32_t>(SKF_NET_OFF) + offset;
}
constexpr uint32_t kProtocol = static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_PROTOCOL);
constexpr uint16_t kWord = BPF_LD | BPF_W | BPF_ABS;
constexpr uint16_t kHalf = BPF_LD | BPF_H | BPF_ABS;
constexpr uint16_t kByte = BPF_LD | BPF_B | BPF_ABS;
constexpr uint32_t kUdpLite = 136;

enum class Label : uint8_t { Ipv4, Ipv6, Transport, Ports, Bare, Mix, Other, kCount };

/// Jumps forward to labels, resolved at the end.
class Assembler {
 public:
  void add(int code, uint32_t k = 0) { program_.push_back({static_cast<uint16_t>(code), 0, 0, k}); }
  void jump_if(int test, uint32_t k, Label target) {
    jumps_.push_back({program_.size(), target});
    add(BPF_JMP | test | BPF_K, k);
  }
  void jump(Label target) {
    jumps_.push_back({program_.size(), target});
    add(BPF_JMP | BPF_JA);
  }
  void place(Label label) { places_[static_cast<size_t>(label)] = program_.size(); }

  std::vector<sock_filter> finish() {
    for (const Jump& jump : jumps_) {
      const size_t distance = places_[static_cast<size_t>(jump.target)] - jump.from - 1;
      assert(distance < 256);
      sock_filter& instruction = program_[jump.from];
      if (BPF_OP(instruction.code) == BPF_JA) {
        instruction.k = static_cast<uint32_t>(distance);
      } else {
        instruction.jt = static_cast<uint8_t>(distance);
      }
    }
    return program_;
  }

 private:
  struct Jump {
    size_t from;
    Label target;
  };
  std::vector<sock_filter> program_;
  std::vector<Jump> jumps_;
  std::array<size_t, static_cast<size_t>(Label::kCount)> places_{};
};

enum Memory : uint32_t { kAddresses, kFirstPort };

/// Memory kAddresses: the exclusive or of all words of both addresses.
void mix_addresses(Assembler& code, uint32_t offset, uint32_t words) {
  code.add(kWord, at_network(offset));
  for (uint32_t word = 1; word < words; ++word) {
    code.add(BPF_MISC | BPF_TAX);
    code.add(kWord, at_network(offset + 4 * word));
    code.add(BPF_ALU | BPF_XOR | BPF_X);
  }
  code.add(BPF_ST, kAddresses);
}

void ipv4(Assembler& code) {
  constexpr uint32_t kMoreFragmentsOrOffset = 0x3fff;
  code.place(Label::Ipv4);
  mix_addresses(code, 12, 2);
  code.add(kHalf, at_network(6));
  code.jump_if(BPF_JSET, kMoreFragmentsOrOffset, Label::Bare);
  code.add(BPF_LDX | BPF_B | BPF_MSH, at_network(0));
  code.add(kByte, at_network(9));
  code.jump(Label::Transport);
}

void ipv6(Assembler& code) {
  code.place(Label::Ipv6);
  mix_addresses(code, 8, 8);
  code.add(BPF_LDX | BPF_W | BPF_IMM, 40);
  code.add(kByte, at_network(6));
}

/// A: the transport protocol; X: the size of the IP header.
void transport(Assembler& code) {
  code.place(Label::Transport);
  for (const uint32_t protocol : {uint32_t{IPPROTO_TCP}, uint32_t{IPPROTO_UDP}, uint32_t{IPPROTO_SCTP}, kUdpLite}) {
    code.jump_if(BPF_JEQ, protocol, Label::Ports);
  }
  code.jump(Label::Bare);
  code.place(Label::Ports);
  code.add(BPF_LD | BPF_H | BPF_IND, at_network(0));
  code.add(BPF_ST, kFirstPort);
  code.add(BPF_LD | BPF_H | BPF_IND, at_network(2));
  code.add(BPF_LDX | BPF_W | BPF_MEM, kFirstPort);
  code.add(BPF_ALU | BPF_ADD | BPF_X);
  code.add(BPF_LDX | BPF_W | BPF_MEM, kAddresses);
  code.add(BPF_ALU | BPF_XOR | BPF_X);
  code.jump(Label::Mix);
  code.place(Label::Bare);
  code.add(BPF_LD | BPF_W | BPF_MEM, kAddresses);
}

}  // namespace

std::vector<sock_filter> owner_program() {
  Assembler code;
  code.add(kWord, kProtocol);
  code.jump_if(BPF_JEQ, ETH_P_IP, Label::Ipv4);
  code.jump_if(BPF_JEQ, ETH_P_IPV6, Label::Ipv6);
  code.jump(Label::Other);
  ipv4(code);
  ipv6(code);
  transport(code);
  code.place(Label::Mix);
  code.add(BPF_ALU | BPF_MUL | BPF_K, 0x9e3779b1);
  code.add(BPF_ALU | BPF_RSH | BPF_K, 16);
  code.add(BPF_RET | BPF_A);
  code.place(Label::Other);
  code.add(BPF_RET | BPF_K, 0);
  return code.finish();
}

}  // namespace microcloud
