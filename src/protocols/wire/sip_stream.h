// SIP messages out of one direction of a TCP connection (RFC 3261, 18.3), however the stream is divided.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocols/wire/sip_message.h"
#include "protocols/wire/text_words.h"

namespace microcloud {

/// Keeps one message at most: a head of kMostOfHead octets, and kMostOfBody of its body. Behind a hole it goes on with
/// the next line that begins a message.
class SipStream {
 public:
  static constexpr size_t kMostOfHead = 16'384;
  static constexpr size_t kMostOfBody = 16'384;

  /// Calls take(const SipMessage&, bool whole) for each message; its views are valid during the call.
  template <typename Take>
  void read(Bytes bytes, const Take& take) {
    std::string_view text = text_of(bytes);
    while (!text.empty()) {
      if (in_body_) {
        read_body(text, take);
      } else {
        read_line(text, take);
      }
    }
  }
  /// So many octets are missing here.
  template <typename Take>
  void lose(uint32_t octets, const Take& take) {
    if (in_body_) {
      whole_ = false;
      const uint64_t of_body = std::min<uint64_t>(octets, body_left_);
      body_left_ -= of_body;
      octets -= static_cast<uint32_t>(of_body);
      if (body_left_ == 0) finish(take);
    }
    if (octets == 0) return;
    doubt();
  }
  /// The next octet may stand anywhere.
  void doubt() {
    head_.clear();
    line_at_ = 0;
    looking_ = false;
    doubtful_ = true;
  }
  /// No more comes: a message whose body has not all come is told.
  template <typename Take>
  void end(const Take& take) {
    if (!in_body_) return;
    whole_ = false;
    finish(take);
  }
  /// Lines in a row that began no message.
  unsigned broken() const { return broken_; }

 private:
  template <typename Take>
  void read_body(std::string_view& text, const Take& take) {
    const std::string_view part = text.substr(0, static_cast<size_t>(std::min<uint64_t>(body_left_, text.size())));
    text.remove_prefix(part.size());
    body_left_ -= part.size();
    const size_t room = kMostOfBody - body_.size();
    if (whole_) body_.append(part.substr(0, room));
    whole_ = whole_ && part.size() <= room;
    if (body_left_ == 0) finish(take);
  }

  template <typename Take>
  void read_line(std::string_view& text, const Take& take) {
    const size_t end = text.find('\n');
    const std::string_view part = text.substr(0, end == std::string_view::npos ? end : end + 1);
    text.remove_prefix(part.size());
    const bool ends = end != std::string_view::npos;
    if (looking_) {
      looking_ = !ends;
      return;
    }
    const bool doubtful = doubtful_;
    doubtful_ = doubtful_ && !ends;
    if (part.size() > kMostOfHead - head_.size()) {
      drop(!ends);
      return;
    }
    head_.append(part);
    if (!ends) return;
    const std::string_view line = trimmed_end(std::string_view(head_).substr(line_at_));
    if (line_at_ == 0) {
      if (line.empty()) {  // keep-alive (RFC 5626, 4.4.1)
        head_.clear();
      } else if (doubtful ? !is_usual_sip_start(line) : !is_sip_start(line)) {
        drop(false);
      } else {
        line_at_ = head_.size();
      }
    } else if (line.empty()) {
      begin_body(take);
    } else {
      line_at_ = head_.size();
    }
  }

  template <typename Take>
  void begin_body(const Take& take) {
    message_ = {};
    if (!read_sip_head(head_, room_, message_)) {
      drop(false);
      return;
    }
    broken_ = 0;
    body_left_ = message_.content_length.value_or(0);
    in_body_ = whole_ = true;
    if (body_left_ == 0) finish(take);
  }

  template <typename Take>
  void finish(const Take& take) {
    message_.body = body_;
    take(static_cast<const SipMessage&>(message_), whole_);
    in_body_ = false;
    head_.clear();
    body_.clear();
    line_at_ = 0;
  }

  void drop(bool within_line) {
    ++broken_;
    head_.clear();
    line_at_ = 0;
    looking_ = within_line;
  }

  static std::string_view trimmed_end(std::string_view line) {
    while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
    return line;
  }

  std::string head_;  // of the message that has begun
  std::string body_;
  std::string room_;
  SipMessage message_;  // views of head_ or room_
  size_t line_at_ = 0;  // where its last line begins
  uint64_t body_left_ = 0;
  unsigned broken_ = 0;
  bool in_body_ = false;
  bool whole_ = true;      // the body, as far as it has come
  bool looking_ = false;   // for the end of a line that is too long
  bool doubtful_ = false;  // the line's beginning may be missing
};

}  // namespace microcloud
