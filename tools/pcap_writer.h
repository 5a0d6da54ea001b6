// Capture files: classic pcap in every byte order and resolution, and a minimal pcapng (draft-ietf-opsawg-pcap,
// -pcapng).
#pragma once

#include <cstdint>
#include <fstream>
#include <string>

#include "base/cursor.h"
#include "tools/packet_builder.h"

namespace microcloud::tools {

struct PcapOptions {
  uint32_t link_type = 1;
  bool big_endian = false;
  bool nanoseconds = false;
  uint32_t snaplen = 262144;
};

/// Appends numbers in a chosen byte order to a file. Throws std::runtime_error when it cannot be opened or written.
class OrderedFile {
 public:
  OrderedFile(const std::string& path, bool big_endian);
  void u16(unsigned value);
  void u32(uint32_t value);
  void bytes(Bytes value);
  /// Flushes; throws when anything was not written.
  void close();

 private:
  void flush();

  std::string path_;
  std::string piece_;  // not written yet
  std::ofstream out_;
  bool big_endian_;
};

/// Times are nanoseconds since 1970.
class PcapWriter {
 public:
  explicit PcapWriter(const std::string& path, const PcapOptions& options = {});
  /// `wire_size` 0: the frame is whole. What is beyond snaplen is not written.
  void write(uint64_t time_ns, Bytes frame, size_t wire_size = 0);
  void write(uint64_t time_ns, const Packet& packet) { write(time_ns, packet.bytes(), packet.wire_size()); }
  void close() { file_.close(); }

 private:
  PcapOptions options_;
  OrderedFile file_;
};

/// One section; interfaces may be added at any time before their first packet.
class PcapngWriter {
 public:
  explicit PcapngWriter(const std::string& path, bool big_endian = false);
  /// Returns its number. `resolution`: as the option if_tsresol says it (6: microseconds, 9, 0x80 | n: 2^-n).
  uint32_t add_interface(uint32_t link_type, uint8_t resolution = 6, uint32_t snaplen = 0);
  /// `ticks` in the interface's resolution.
  void write(uint32_t interface, uint64_t ticks, Bytes frame, size_t wire_size = 0);
  void close() { file_.close(); }

 private:
  OrderedFile file_;
  uint32_t interfaces_ = 0;
};

}  // namespace microcloud::tools
