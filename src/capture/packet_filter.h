// A BPF filter expression (man 7 pcap-filter), compiled by libpcap.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

struct bpf_insn;
struct bpf_program;
struct pcap;

namespace microcloud {

/// Immutable once made; may be asked by any thread.
class PacketFilter {
 public:
  /// For the link type and the snapshot length of `handle`. Throws std::runtime_error with the text and libpcap's
  /// reason.
  PacketFilter(pcap* handle, const std::string& text);

  bool matches(const uint8_t* data, uint32_t captured, uint32_t length) const;
  std::span<const bpf_insn> program() const;

 private:
  struct Free {
    void operator()(bpf_program* program) const;
  };
  std::unique_ptr<bpf_program, Free> program_;
};

/// For frames of one link type (a libpcap number) in a file.
PacketFilter file_filter(int dlt, const std::string& text);

}  // namespace microcloud
