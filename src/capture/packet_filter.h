// A BPF filter expression (man 7 pcap-filter), compiled by libpcap.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

struct bpf_program;
struct pcap;
struct sock_filter;

namespace microcloud {

/// Immutable once made; may be asked by any thread.
class PacketFilter {
 public:
  /// For the link type and the snapshot length of `handle`. Throws std::runtime_error with the text and libpcap's
  /// reason.
  PacketFilter(pcap* handle, const std::string& text);

  bool matches(const uint8_t* data, uint32_t captured, uint32_t length) const;
  /// The same for SO_ATTACH_FILTER.
  std::vector<sock_filter> kernel_program() const;

 private:
  struct Free {
    void operator()(bpf_program* program) const;
  };
  std::unique_ptr<bpf_program, Free> program_;
};

/// Throws std::invalid_argument with libpcap's reason when `text` is a filter for no link type that is read. Opens
/// nothing.
void check_filter(const std::string& text);

/// For frames of one link type (a libpcap number) in a file.
PacketFilter file_filter(int dlt, const std::string& text);

/// For the kernel, on an Ethernet interface: `vlan` looks at the tags that the kernel has taken out. A frame that
/// matches is cut to `snap_length` (0: not at all). Needs CAP_NET_RAW, as libpcap asks the kernel what it can.
PacketFilter ethernet_filter(const std::string& interface, const std::string& text, uint32_t snap_length);
/// The same on an interface whose packets begin with the IP header.
PacketFilter raw_filter(const std::string& text, uint32_t snap_length);

}  // namespace microcloud
