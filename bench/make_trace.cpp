// make_trace KIND OUT [scale] [--flows F]: writes a deterministic trace and prints what a meter must find in it.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/traces.h"

namespace {

constexpr const char* kUsage =
    "usage: make_trace KIND OUT [scale] [--flows F]\n"
    "  small64  10 M x scale frames of 60 bytes in 10 s, F flows (a tenth of the frames) in random order\n"
    "  imix     60 s, 300 k x scale flows, about 5 M x scale packets of ordinary traffic\n";

double number(const std::string& text, const char* what) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (*end != '\0' || !(value > 0)) throw std::invalid_argument(std::string(what) + ": not a positive number: " + text);
  return value;
}

microcloud::bench::TraceFacts make(const std::vector<std::string>& words, uint64_t flows) {
  const double scale = words.size() > 2 ? number(words[2], "scale") : 1.0;
  if (words[0] == "small64") return microcloud::bench::make_small64(words[1], scale, flows);
  if (words[0] == "imix" && flows == 0) return microcloud::bench::make_imix(words[1], scale);
  throw std::invalid_argument(words[0] == "imix" ? "--flows goes with small64 only" : "no such kind: " + words[0]);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    std::vector<std::string> words;
    uint64_t flows = 0;
    for (int at = 1; at < argc; ++at) {
      if (std::strcmp(argv[at], "--flows") == 0 && at + 1 < argc) {
        flows = static_cast<uint64_t>(number(argv[++at], "--flows"));
      } else {
        words.emplace_back(argv[at]);
      }
    }
    if (words.size() < 2 || words.size() > 3) {
      std::fputs(kUsage, stderr);
      return 2;
    }
    const auto facts = make(words, flows);
    std::printf(
        "packets %llu\nflows %llu\nframe_octets %llu\nip_octets %llu\ntcp %llu\nudp %llu\nicmp %llu\nipv6 %llu\n",
        static_cast<unsigned long long>(facts.packets), static_cast<unsigned long long>(facts.flows),
        static_cast<unsigned long long>(facts.frame_octets), static_cast<unsigned long long>(facts.ip_octets),
        static_cast<unsigned long long>(facts.tcp), static_cast<unsigned long long>(facts.udp),
        static_cast<unsigned long long>(facts.icmp), static_cast<unsigned long long>(facts.ipv6));
  } catch (const std::invalid_argument& error) {
    std::fprintf(stderr, "make_trace: %s\n%s", error.what(), kUsage);
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "make_trace: %s\n", error.what());
    return 1;
  }
  return 0;
}
