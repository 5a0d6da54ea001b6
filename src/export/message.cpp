#include "export/message.h"

#include <cassert>

#include "record/wire.h"

namespace microcloud {

const char* to_text(ExportLoss loss) {
  switch (loss) {
    case ExportLoss::BufferFull:
      return "buffer_full";
    case ExportLoss::ConnectionBroken:
      return "connection_broken";
    case ExportLoss::SendFailed:
      return "send_failed";
    case ExportLoss::EndOfRun:
      return "end_of_run";
    case ExportLoss::NotInV5:
      return "not_in_v5";
    case ExportLoss::TooLong:
      return "too_long";
    case ExportLoss::kCount:
      break;
  }
  assert(false);
  return "";
}

size_t header_size(ExportProtocol protocol) {
  switch (protocol) {
    case ExportProtocol::NetflowV5:
      return kV5Header;
    case ExportProtocol::NetflowV9:
      return kV9Header;
    case ExportProtocol::Ipfix:
      break;
  }
  return kIpfixHeader;
}

void Session::stamp(char* message, const MessageInfo& info) {
  const auto seconds = static_cast<uint32_t>(now_ms / 1000);
  // Reckoned from whole seconds where the header has no finer time, so that collectors find the same start each time.
  const auto uptime_ms = static_cast<uint32_t>(now_ms / 1000 * 1000 - boot_ms);
  char* out = put_number(message, static_cast<uint16_t>(protocol));
  switch (protocol) {
    case ExportProtocol::Ipfix:
      out = put_number(out, static_cast<uint16_t>(info.size));
      out = put_number(out, seconds);
      out = put_number(out, sequence);
      put_number(out, domain);
      sequence += info.data_records;
      return;
    case ExportProtocol::NetflowV9:
      out = put_number(out, info.count);
      out = put_number(out, uptime_ms);
      out = put_number(out, seconds);
      out = put_number(out, sequence);
      put_number(out, domain);
      sequence += 1;
      return;
    case ExportProtocol::NetflowV5:
      out = put_number(out, info.count);
      out = put_number(out, uptime_ms);
      out = put_number(out, seconds);
      out = put_number(out, uint32_t{0});  // nanoseconds
      out = put_number(out, sequence);
      out = put_number(out, static_cast<uint16_t>(domain));
      put_number(out, v5_sampling);
      sequence += info.count;
      return;
  }
}

}  // namespace microcloud
