// Bytes of a Redis peer. Input: a byte of options (bit 0: commands, as a server reads them, instead of values; bits
// 1-7: how many bytes come at once, 0: all), then the bytes. What is read must not depend on how the bytes came, and
// written again it must read the same.
#include "resp/command_decoder.h"
#include "resp/commands.h"
#include "resp/reply_writer.h"

namespace {

using namespace microcloud;
using namespace microcloud::resp;

constexpr DecoderLimits kLimits{.depth = 8, .elements = 1000, .line = 512, .bulk = 4096, .total = 16384};
constexpr CommandLimits kCommandLimits{.arguments = 64, .bulk = 4096, .line = 512, .total = 8192};

void demand(bool holds) {
  if (!holds) __builtin_trap();
}

/// All values of the bytes, each written again in RESP3, and how it ended.
std::pair<std::vector<std::string>, Progress> values(Bytes bytes, size_t step) {
  Decoder decoder(kLimits);
  std::pair<std::vector<std::string>, Progress> told;
  told.second = Progress::More;
  for (size_t at = 0; at < bytes.size() && told.second != Progress::Malformed; at += step) {
    decoder.feed(bytes.subspan(at, std::min(step, bytes.size() - at)));
    Value value;
    while ((told.second = decoder.next(value)) == Progress::Done) {
      ReplyWriter(told.first.emplace_back(), Protocol::Resp3).value(value);
      std::string plain;
      ReplyWriter(plain, Protocol::Resp2).value(value);
    }
    demand(decoder.buffered() <= kLimits.bulk + step + 2);
  }
  return told;
}

std::pair<std::vector<std::string>, Progress> commands(Bytes bytes, size_t step) {
  CommandDecoder decoder(kCommandLimits);
  std::pair<std::vector<std::string>, Progress> told;
  told.second = Progress::More;
  for (size_t at = 0; at < bytes.size() && told.second != Progress::Malformed; at += step) {
    decoder.feed(bytes.subspan(at, std::min(step, bytes.size() - at)));
    CommandView command;
    while ((told.second = decoder.next(command)) == Progress::Done) {
      demand(!command.empty());
      Commands written;
      written.start(command.size());
      for (const std::string_view argument : command) written.argument(argument);
      told.first.push_back(written.take());
    }
    demand(decoder.buffered() <= kCommandLimits.total + step + 2);
  }
  return told;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const Bytes bytes(data + 1, size - 1);
  const size_t step = (data[0] >> 1) == 0 ? bytes.size() : data[0] >> 1;
  const auto read = (data[0] & 1) != 0 ? commands : values;
  const auto told = read(bytes, step);
  demand(told == read(bytes, bytes.size()));
  for (const std::string& one : told.first) {
    // RESP3 has one form more for some values than what was read (a line as a bulk string): within half the limits all
    // fit.
    if (one.size() > kLimits.line / 2) continue;
    const auto again = read(as_bytes(one), one.size());
    demand(again.first.size() == 1 && again.first[0] == one);
  }
  return 0;
}
