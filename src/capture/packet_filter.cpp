#include "capture/packet_filter.h"

#include <pcap/pcap.h>
// After libpcap's header, which defines some of its macros in the same words.
#include <linux/filter.h>

#include <algorithm>
#include <stdexcept>

namespace microcloud {

namespace {

constexpr uint32_t kWholeFrames = 262144;  // libpcap's largest
using Handle = std::unique_ptr<pcap_t, decltype(&pcap_close)>;

std::runtime_error bad_filter(const std::string& text, const std::string& reason) {
  return std::runtime_error("bad BPF filter '" + text + "': " + reason);
}

int snap(uint32_t length) {
  return static_cast<int>(length == 0 ? kWholeFrames : std::min(length, kWholeFrames));
}

PacketFilter dead_filter(int dlt, const std::string& text, uint32_t snap_length) {
  const Handle handle(pcap_open_dead(dlt, snap(snap_length)), pcap_close);
  if (!handle) throw bad_filter(text, "no memory");
  return PacketFilter(handle.get(), text);
}

}  // namespace

PacketFilter::PacketFilter(pcap* handle, const std::string& text) : program_(new bpf_program{}) {
  constexpr int kOptimize = 1;
  if (pcap_compile(handle, program_.get(), text.c_str(), kOptimize, PCAP_NETMASK_UNKNOWN) != 0) {
    throw bad_filter(text, pcap_geterr(handle));
  }
}

void PacketFilter::Free::operator()(bpf_program* program) const {
  pcap_freecode(program);
  delete program;
}

bool PacketFilter::matches(const uint8_t* data, uint32_t captured, uint32_t length) const {
  return bpf_filter(program_->bf_insns, data, length, captured) != 0;
}

std::vector<sock_filter> PacketFilter::kernel_program() const {
  std::vector<sock_filter> program(program_->bf_len);
  std::transform(program_->bf_insns, program_->bf_insns + program_->bf_len, program.begin(), [](const bpf_insn& from) {
    return sock_filter{from.code, from.jt, from.jf, from.k};
  });
  return program;
}

void check_filter(const std::string& text) {
  // Together they know all words: Ethernet, wireless LAN, and what Linux tells of direction and interface.
  constexpr int kLinkTypes[] = {DLT_EN10MB, DLT_IEEE802_11_RADIO, DLT_LINUX_SLL, DLT_LINUX_SLL2};
  std::string reason;
  for (const int dlt : kLinkTypes) {
    try {
      (void)dead_filter(dlt, text, 0);
      return;
    } catch (const std::runtime_error& error) {
      if (reason.empty()) reason = error.what();
    }
  }
  throw std::invalid_argument(reason);
}

PacketFilter file_filter(int dlt, const std::string& text) {
  return dead_filter(dlt, text, 0);
}

PacketFilter raw_filter(const std::string& text, uint32_t snap_length) {
  return dead_filter(DLT_RAW, text, snap_length);
}

PacketFilter ethernet_filter(const std::string& interface, const std::string& text, uint32_t snap_length) {
  constexpr int kSmallBuffer = 1 << 16;  // nothing is captured through it
  char reason[PCAP_ERRBUF_SIZE] = {};
  const Handle handle(pcap_create(interface.c_str(), reason), pcap_close);
  if (!handle) throw bad_filter(text, reason);
  pcap_set_snaplen(handle.get(), snap(snap_length));
  pcap_set_buffer_size(handle.get(), kSmallBuffer);
  if (pcap_activate(handle.get()) < 0) throw bad_filter(text, pcap_geterr(handle.get()));
  if (pcap_datalink(handle.get()) != DLT_EN10MB) {
    throw bad_filter(text, "no filter can be used on " + interface + ", whose frames carry a switch chip's tags");
  }
  return PacketFilter(handle.get(), text);
}

}  // namespace microcloud
