#include "capture/packet_filter.h"

#include <pcap/pcap.h>

#include <stdexcept>

namespace microcloud {

namespace {

constexpr int kWholeFrames = 262144;

}  // namespace

PacketFilter::PacketFilter(pcap* handle, const std::string& text) : program_(new bpf_program{}) {
  constexpr int kOptimize = 1;
  if (pcap_compile(handle, program_.get(), text.c_str(), kOptimize, PCAP_NETMASK_UNKNOWN) != 0) {
    throw std::runtime_error("bad BPF filter '" + text + "': " + pcap_geterr(handle));
  }
}

void PacketFilter::Free::operator()(bpf_program* program) const {
  pcap_freecode(program);
  delete program;
}

bool PacketFilter::matches(const uint8_t* data, uint32_t captured, uint32_t length) const {
  return bpf_filter(program_->bf_insns, data, length, captured) != 0;
}

std::span<const bpf_insn> PacketFilter::program() const {
  return {program_->bf_insns, program_->bf_len};
}

PacketFilter file_filter(int dlt, const std::string& text) {
  const std::unique_ptr<pcap_t, decltype(&pcap_close)> handle(pcap_open_dead(dlt, kWholeFrames), pcap_close);
  if (!handle) throw std::runtime_error("bad BPF filter '" + text + "': no memory");
  return PacketFilter(handle.get(), text);
}

}  // namespace microcloud
