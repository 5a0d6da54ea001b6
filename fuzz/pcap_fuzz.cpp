// A whole capture file, of any format: read as the probe reads it, and each frame decoded. The file lives in memory
// only.
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include "capture/file_source.h"
#include "packet/decode.h"
#include "probe/intake.h"

namespace {

void read_all(microcloud::Source& source) {
  using namespace microcloud;
  const FirstHeader first = first_header(source.link_type());
  std::array<Frame, 32> burst;
  Counters<Anomaly> anomalies;
  for (;;) {
    const ReadResult result = source.read(burst);
    for (size_t at = 0; at < result.count; ++at) {
      Packet packet{};
      decode(first, {.captured = burst[at].bytes(), .length = burst[at].length, .verify_transport = true}, packet,
             anomalies);
    }
    if (result.status == ReadStatus::Failed && source.error().empty()) std::abort();  // a failure says why
    if (result.status == ReadStatus::Failed || result.status == ReadStatus::End) return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const int file = memfd_create("capture", MFD_CLOEXEC);
  static const std::string path = "/proc/self/fd/" + std::to_string(file);
  if (ftruncate(file, 0) != 0 || pwrite(file, data, size, 0) != static_cast<ssize_t>(size)) std::abort();
  try {
    read_all(*microcloud::open_file(path));
  } catch (const std::runtime_error&) {
    // not a capture: refused with a sentence
  }
  return 0;
}
