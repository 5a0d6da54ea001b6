#include "resp/command_decoder.h"

namespace microcloud::resp {
namespace {

constexpr size_t kLongestHeader = 64;  // `*1048576` and the like

}  // namespace

void CommandDecoder::feed(Bytes bytes) {
  if (!wrong_.empty()) return;
  if (done_) start_over();
  input_.append(bytes);
}

Progress CommandDecoder::malformed(std::string what) {
  wrong_ = "Protocol error: " + std::move(what);
  input_.clear();
  return Progress::Malformed;
}

void CommandDecoder::start_over() {
  input_.consume(at_);
  at_ = scanned_ = 0;
  done_ = in_array_ = in_bulk_ = false;
  parts_.clear();
}

Progress CommandDecoder::next(CommandView& command) {
  command.clear();
  if (!wrong_.empty()) return Progress::Malformed;
  if (done_) start_over();
  while (parts_.empty() && !in_array_) {
    if (at_ > 0) start_over();
    if (input_.size() == 0) return Progress::More;
    const bool is_array = input_.rest().front() == '*';
    words_.clear();
    const Progress progress = is_array ? header() : inline_command();
    if (progress != Progress::Done) return progress;
    if (!words_.empty()) break;
  }
  if (in_array_) {
    const Progress progress = arguments();
    if (progress != Progress::Done) return progress;
  }
  done_ = true;
  if (!words_.empty()) {
    command.assign(words_.begin(), words_.end());
    return Progress::Done;
  }
  const std::string_view bytes = as_text(input_.rest());
  for (const Part& part : parts_) command.push_back(bytes.substr(part.at, part.size));
  return Progress::Done;
}

/// A line up to CR LF; `text` is without its end.
Progress CommandDecoder::line(std::string_view& text, const char* too_long) {
  const size_t end = find_line_end(input_.rest(), scanned_ > at_ ? scanned_ : at_);
  if (end == kNoLine ? input_.size() > at_ + kLongestHeader + 1 : end > at_ + kLongestHeader)
    return malformed(too_long);
  if (end == kNoLine) {
    scanned_ = input_.size() - 1;
    return Progress::More;
  }
  text = as_text(input_.rest()).substr(at_, end - at_);
  at_ = end + 2;
  return Progress::Done;
}

Progress CommandDecoder::header() {
  std::string_view text;
  const Progress progress = line(text, "too big mbulk count string");
  if (progress != Progress::Done) return progress;
  const auto count = parse_integer(text.substr(1));
  if (!count) return malformed("invalid multibulk length");
  if (*count <= 0) return Progress::Done;  // an empty array is no command, as to Redis
  if (static_cast<uint64_t>(*count) > limits_.arguments)
    return malformed(limits_.authenticated ? "invalid multibulk length" : "unauthenticated multibulk length");
  in_array_ = true;
  left_ = static_cast<size_t>(*count);
  return Progress::Done;
}

Progress CommandDecoder::arguments() {
  while (left_ > 0) {
    const Progress progress = one_argument();
    if (progress != Progress::Done) return progress;
    --left_;
  }
  return Progress::Done;
}

Progress CommandDecoder::one_argument() {
  if (!in_bulk_) {
    if (input_.size() == at_) return Progress::More;
    const char kind = static_cast<char>(input_.rest()[at_]);
    if (kind != '$') {
      const bool printable = kind >= ' ' && kind <= '~';
      return malformed(std::string("expected '$', got '") + (printable ? kind : '?') + "'");
    }
    std::string_view text;
    const Progress progress = line(text, "too big bulk count string");
    if (progress != Progress::Done) return progress;
    const auto size = parse_integer(text.substr(1));
    if (!size || *size < 0) return malformed("invalid bulk length");
    if (static_cast<uint64_t>(*size) > limits_.bulk)
      return malformed(limits_.authenticated ? "invalid bulk length" : "unauthenticated bulk length");
    bulk_size_ = static_cast<size_t>(*size);
    if (at_ + bulk_size_ + 2 > limits_.total) return malformed("too big command");
    in_bulk_ = true;
  }
  if (input_.size() - at_ < bulk_size_ + 2) return Progress::More;
  parts_.push_back({at_, bulk_size_});
  Cursor end(input_.rest().subspan(at_ + bulk_size_));
  if (end.u8() != '\r' || end.u8() != '\n') return malformed("a bulk string does not end where it should");
  at_ += bulk_size_ + 2;
  in_bulk_ = false;
  return Progress::Done;
}

Progress CommandDecoder::inline_command() {
  const std::string_view bytes = as_text(input_.rest());
  const size_t end = bytes.find('\n', scanned_);
  if ((end == std::string_view::npos ? bytes.size() : end) > limits_.line) return malformed("too big inline request");
  if (end == std::string_view::npos) {
    scanned_ = bytes.size();
    return Progress::More;
  }
  at_ = end + 1;
  std::string_view text = bytes.substr(0, end);
  if (text.ends_with('\r')) text.remove_suffix(1);
  if (!split_words(text, words_)) return malformed("unbalanced quotes in request");
  if (words_.size() > limits_.arguments) return malformed("too big inline request");
  return Progress::Done;
}

}  // namespace microcloud::resp
