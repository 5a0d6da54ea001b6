// make_captures OUTDIR: writes small captures of rare traffic, and beside each what a probe must report of it. Both
// come from this program alone; nothing is read and no dissector asked, so the same bytes come out always.
#include <array>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "tools/captures.h"
#include "tools/pcap_writer.h"

namespace microcloud::tools {
namespace {

class PcapFile final : public FrameFile {
 public:
  PcapFile(const std::string& path, const PcapOptions& options) : writer_(path, options) {}
  void write(uint64_t time_us, Bytes frame, size_t wire_size) override {
    writer_.write(time_us * 1000, frame, wire_size);
  }
  void close() override { writer_.close(); }

 private:
  PcapWriter writer_;
};

/// Frames go to three interfaces in turn, whose clocks tick differently.
class PcapngFile final : public FrameFile {
 public:
  explicit PcapngFile(const std::string& path) : writer_(path) {
    for (const uint8_t resolution : kResolutions) writer_.add_interface(1, resolution);
  }
  void write(uint64_t time_us, Bytes frame, size_t wire_size) override {
    const auto interface = static_cast<uint32_t>(written_++ % kResolutions.size());
    const std::array<uint64_t, 3> ticks = {time_us, time_us * 1000,
                                           time_us / 1'000'000 * 1024 * 1024 + fraction(time_us)};
    writer_.write(interface, ticks[interface], frame, wire_size);
  }
  void close() override { writer_.close(); }

 private:
  static constexpr std::array<uint8_t, 3> kResolutions = {6, 9, 0x80 | 20};
  /// Rounded up, so that a reader that rounds down gets the same microsecond.
  static uint64_t fraction(uint64_t time_us) { return (time_us % 1'000'000 * 1024 * 1024 + 999'999) / 1'000'000; }

  PcapngWriter writer_;
  size_t written_ = 0;
};

struct Capture {
  std::string name;
  std::function<void(Scene&)> make;
  PcapOptions format = {};
  bool pcapng = false;
};

/// The same exchanges on every link type and in every file format.
std::vector<Capture> plain_captures() {
  const auto exchanges = [](const Packet& link, bool ipv4 = true, bool ipv6 = true) {
    return [=](Scene& scene) { make_exchanges(scene, link, ipv4, ipv6); };
  };
  const AddrMac a = "00:1b:21:00:00:0a";
  const AddrMac b = "00:1b:21:00:00:0b";
  return {
      {"link_null", exchanges(Packet().bsd_null()), {.link_type = 0}},
      {"link_null_big_endian", exchanges(Packet().bsd_null(24, true)), {.link_type = 0, .big_endian = true}},
      {"link_ethernet_llc", exchanges(Packet().eth(a, b, {.length = true}).llc_snap())},
      {"link_ppp", exchanges(Packet().ppp({.address_control = true})), {.link_type = 9}},
      {"link_ppp_short", exchanges(Packet().ppp()), {.link_type = 9}},
      {"link_raw", exchanges(Packet()), {.link_type = 101}},
      {"link_80211", exchanges(Packet().wlan_data(a, b).llc_snap()), {.link_type = 105}},
      {"link_loop", exchanges(Packet().bsd_loop(24)), {.link_type = 108}},
      {"link_sll", exchanges(Packet().sll()), {.link_type = 113}},
      {"link_radiotap", exchanges(Packet().radiotap().wlan_data(a, b, true).llc_snap()), {.link_type = 127}},
      {"link_ipv4", exchanges(Packet(), true, false), {.link_type = 228}},
      {"link_ipv6", exchanges(Packet(), false, true), {.link_type = 229}},
      {"link_nflog", exchanges(Packet().nflog({.prefix = "seen"})), {.link_type = 239}},
      {"link_sll2", exchanges(Packet().sll2()), {.link_type = 276}},
      {"format_big_endian", exchanges(ethernet(Way::There)), {.big_endian = true}},
      {"format_nanoseconds", exchanges(ethernet(Way::There)), {.nanoseconds = true}},
      {"format_pcapng", exchanges(ethernet(Way::There)), {}, true},
  };
}

std::vector<Capture> family_captures() {
  return {
      {"qinq", make_qinq},
      {"mpls", make_mpls},
      {"pppoe", make_pppoe},
      {"gre", make_gre},
      {"pptp", make_pptp},
      {"erspan", make_erspan},
      {"ip_in_ip", make_ip_in_ip},
      {"mobile_ip", make_mobile_ip},
      {"gtpu", make_gtpu},
      {"vxlan", make_vxlan},
      {"geneve", make_geneve},
      {"l2tp", make_l2tp},
      {"teredo", make_teredo},
      {"nested", make_nested},
      {"extension_headers", make_extension_headers},
      {"fragments", make_fragments},
      {"icmp", make_icmp},
      {"sctp", make_sctp},
      {"tcp", make_tcp},
      {"bad_checksums", make_bad_checksums},
      {"broken", make_broken},
      {"short_snaplen", make_short_snaplen, {.snaplen = 96}},
      {"clock_jumps", make_clock_jumps},
      {"long_flow", make_long_flow},
  };
}

void write_capture(const std::filesystem::path& directory, const Capture& capture) {
  const std::string file_name = capture.name + (capture.pcapng ? ".pcapng" : ".pcap");
  const std::string path = directory / file_name;
  std::unique_ptr<FrameFile> file;
  if (capture.pcapng) {
    file = std::make_unique<PcapngFile>(path);
  } else {
    file = std::make_unique<PcapFile>(path, capture.format);
  }
  Scene scene(std::move(file), file_name);
  capture.make(scene);
  std::ofstream expectations(directory / (capture.name + ".expect.json"));
  expectations << scene.finish();
  expectations.close();
  if (!expectations) throw std::runtime_error("cannot write the expectations of " + path);
}

}  // namespace
}  // namespace microcloud::tools

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: make_captures OUTDIR\n", stderr);
    return 2;
  }
  try {
    std::filesystem::create_directories(argv[1]);
    for (const auto& captures : {microcloud::tools::family_captures(), microcloud::tools::plain_captures()}) {
      for (const auto& capture : captures) microcloud::tools::write_capture(argv[1], capture);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "make_captures: %s\n", error.what());
    return 1;
  }
  return 0;
}
