// floor FILE [loops]: reads a classic pcap file in blocks of 256 KiB into one buffer and walks its record headers,
// nothing else; prints the least CPU and wall time a packet. Whatever reads a file cannot be faster than this.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

constexpr size_t kBlock = 256UL * 1024;
constexpr size_t kFileHeader = 24;
constexpr size_t kRecordHeader = 16;

struct Walk {
  uint64_t packets = 0;
  uint64_t octets = 0;  // captured
};

class File {
 public:
  explicit File(const char* path) : descriptor_(open(path, O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0) throw std::runtime_error(std::string(path) + ": " + std::strerror(errno));
  }
  ~File() { close(descriptor_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  size_t read(uint8_t* to, size_t size) const {
    const ssize_t got = ::read(descriptor_, to, size);
    if (got < 0) throw std::runtime_error(std::strerror(errno));
    return static_cast<size_t>(got);
  }

 private:
  int descriptor_;
};

bool is_swapped(const uint8_t* header) {
  uint32_t magic;
  std::memcpy(&magic, header, sizeof magic);
  if (magic == 0xa1b2c3d4 || magic == 0xa1b23c4d) return false;
  if (magic == 0xd4c3b2a1 || magic == 0x4d3cb2a1) return true;
  throw std::runtime_error("not a classic pcap file");
}

Walk walk(const char* path, std::vector<uint8_t>& buffer) {
  const File file(path);
  std::array<uint8_t, kFileHeader> header;
  if (file.read(header.data(), header.size()) != header.size()) throw std::runtime_error("shorter than a pcap header");
  const bool swapped = is_swapped(header.data());
  Walk seen;
  size_t held = 0;
  size_t skip = 0;  // of a record that goes on in the next block
  while (const size_t got = file.read(buffer.data() + held, kBlock)) {
    const size_t end = held + got;
    size_t at = skip;
    while (at + kRecordHeader <= end) {
      uint32_t size;
      std::memcpy(&size, &buffer[at + 8], sizeof size);
      if (swapped) size = __builtin_bswap32(size);
      at += kRecordHeader + size;
      ++seen.packets;
      seen.octets += size;
    }
    held = at < end ? end - at : 0;
    skip = at < end ? 0 : at - end;
    if (held > 0) std::memcpy(buffer.data(), &buffer[at], held);
  }
  return seen;
}

double cpu_ns() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto ns = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_usec) * 1e3;
  };
  return ns(usage.ru_utime) + ns(usage.ru_stime);
}

}  // namespace

int main(int argc, char** argv) {
  const int loops = argc == 3 ? std::atoi(argv[2]) : 3;
  if (argc < 2 || argc > 3 || loops < 1) {
    std::fputs("usage: floor FILE [loops]\n", stderr);
    return 2;
  }
  try {
    std::vector<uint8_t> buffer(kBlock + kRecordHeader);
    double best_cpu = 1e30;
    double best_wall = 1e30;
    Walk seen;
    for (int loop = 0; loop < loops; ++loop) {
      const double cpu = cpu_ns();
      const auto start = std::chrono::steady_clock::now();
      seen = walk(argv[1], buffer);
      best_cpu = std::min(best_cpu, cpu_ns() - cpu);
      best_wall = std::min(best_wall,
                           std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count());
    }
    if (seen.packets == 0) throw std::runtime_error("no packets");
    const auto packets = static_cast<double>(seen.packets);
    std::printf("packets %llu\nmean_bytes %.1f\ncpu_ns_per_packet %.2f\nwall_ns_per_packet %.2f\n",
                static_cast<unsigned long long>(seen.packets), static_cast<double>(seen.octets) / packets,
                best_cpu / packets, best_wall / packets);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "floor: %s: %s\n", argv[1], error.what());
    return 1;
  }
  return 0;
}
