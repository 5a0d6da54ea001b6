#include "protocols/wire/http_stream.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>

#include "protocols/wire/text_words.h"

namespace microcloud {

void HttpStream::read(Bytes bytes, int64_t time_us, HttpReader& reader) {
  time_us_ = time_us;
  if (state_ == State::Search) {
    if (look_for_known_http(bytes) == HttpLook::Never) return;
    state_ = State::StartLine;
    guessed_ = true;
  }
  if (std::exchange(perhaps_, false) && look_for_http(bytes) == HttpLook::Surely) end_message(true, reader);
  Cursor in(bytes);
  while (in.left() != 0 && state_ != State::Search) step(in, reader);
}

void HttpStream::step(Cursor& in, HttpReader& reader) {
  if (state_ == State::UntilClose) {
    octets_ += in.left();
    perhaps_ = false;
    in.skip(in.left());
  } else if (state_ == State::Data) {
    const auto taken = static_cast<size_t>(std::min<uint64_t>(remaining_, in.left()));
    in.skip(taken);
    octets_ += taken;
    remaining_ -= taken;
    perhaps_ = false;
    if (remaining_ == 0) end_data(reader);
  } else if (std::string_view line; take_line(in, line)) {
    read_line(line, reader);
    line_.clear();
    line_cut_ = false;
  } else if ((state_ == State::StartLine || state_ == State::Field) && octets_ > kMostOfHead) {
    lose(false, reader);
  }
}

/// False: its end has not come yet. `line` is in line_ or in the piece, without its end.
bool HttpStream::take_line(Cursor& in, std::string_view& line) {
  const std::string_view rest = text_of(in.rest());
  const size_t end = rest.find('\n');
  const size_t taken = end == std::string_view::npos ? rest.size() : end + 1;
  if (state_ == State::StartLine && line_.empty()) {
    first_us_ = time_us_;
    octets_ = 0;
  }
  octets_ += taken;
  line = rest.substr(0, end);
  if (end == std::string_view::npos || !line_.empty()) {
    const size_t room = kMostOfLine - line_.size();
    line_cut_ = line_cut_ || line.size() > room;
    line_ += line.substr(0, room);
    line = line_;
  } else if (line.size() > kMostOfLine) {
    line_cut_ = true;
    line = line.substr(0, kMostOfLine);
  }
  in.skip(taken);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return end != std::string_view::npos;
}

void HttpStream::read_line(std::string_view line, HttpReader& reader) {
  switch (state_) {
    case State::StartLine:
      return read_start(line, reader);
    case State::Field:
      return read_field(line, reader);
    case State::ChunkSize:
      return read_chunk_size(line, reader);
    case State::ChunkEnd:
      if (!line.empty()) return lose(false, reader);
      state_ = State::ChunkSize;
      return;
    case State::Trailer:
      if (line.empty()) end_message(true, reader);
      return;
    default:
      return;
  }
}

/// Empty lines before a message are no part of it (RFC 9112, 2.2).
void HttpStream::read_start(std::string_view line, HttpReader& reader) {
  if (line.empty()) return;
  HttpHead head;
  // A cut request line has lost its version, but not what it asks for.
  const bool good =
      line_cut_ ? read_http_start_line(std::string(line) + " HTTP/1.1", head) : read_http_start_line(line, head);
  if (!good) {
    if (!guessed_) return lose(false, reader);
    state_ = State::Search;
    return;
  }
  guessed_ = false;
  head_ = std::move(head);
  head_.is_cut = line_cut_;
  field_.clear();
  has_field_ = false;
  state_ = State::Field;
}

void HttpStream::read_field(std::string_view line, HttpReader& reader) {
  if (line_cut_) head_.is_cut = true;
  if (octets_ > kMostOfHead) return lose(false, reader);
  if (!line.empty() && (line.front() == ' ' || line.front() == '\t')) {  // continues the one before (RFC 9112, 5.2)
    if (!has_field_) return;
    const size_t from = std::min(line.find_first_not_of(" \t"), line.size());
    line.remove_prefix(from);
    const size_t room = kMostOfLine - std::min(field_.size() + 1, kMostOfLine);
    if (line.size() > room) head_.is_cut = true;
    field_ += ' ';
    field_ += line.substr(0, room);
    return;
  }
  end_field();
  if (line.empty()) return end_head(reader);
  has_field_ = is_http_field_of_interest(line);
  if (has_field_) field_ = line;
}

void HttpStream::end_field() {
  if (has_field_) read_http_field(field_, head_);
  has_field_ = false;
}

void HttpStream::end_head(HttpReader& reader) {
  switch (reader.on_head(head_, first_us_)) {
    case HttpBody::AsDeclared:
      return begin_body(reader);
    case HttpBody::Perhaps:
      begin_body(reader);
      perhaps_ = state_ != State::StartLine && state_ != State::Search;
      return;
    case HttpBody::None:
      return end_message(true, reader);
    case HttpBody::Tunnel:
      end_message(true, reader);
      state_ = State::Search;
      return;
    case HttpBody::Foreign:
      state_ = State::Search;
      reader.on_loss(false);
      return;
  }
}

/// What has come of a message of which no more will come.
void HttpStream::break_off(HttpReader& reader) {
  if (state_ == State::Search || state_ == State::StartLine) return;
  if (state_ == State::Field) {
    end_field();
    head_.is_whole = false;
    if (reader.on_head(head_, first_us_) == HttpBody::Foreign) return;
  }
  end_message(false, reader);
}

/// RFC 9112, 6.3.
void HttpStream::begin_body(HttpReader& reader) {
  in_chunks_ = false;
  if (head_.has_coding && (head_.is_chunked || !head_.is_request)) {
    state_ = head_.is_chunked ? State::ChunkSize : State::UntilClose;
  } else if (head_.has_bad_length || head_.has_coding) {
    if (head_.is_request) return lose(false, reader);
    state_ = State::UntilClose;
  } else if (head_.length) {
    remaining_ = *head_.length;
    state_ = State::Data;
    if (remaining_ == 0) end_message(true, reader);
  } else if (head_.is_request) {
    end_message(true, reader);
  } else {
    state_ = State::UntilClose;
  }
}

void HttpStream::read_chunk_size(std::string_view line, HttpReader& reader) {
  const auto read = std::from_chars(line.data(), line.data() + line.size(), remaining_, 16);
  const std::string_view rest = line.substr(static_cast<size_t>(read.ptr - line.data()));
  if (read.ec != std::errc() || !(rest.empty() || rest.front() == ';' || rest.front() == ' ' || rest.front() == '\t'))
    return lose(false, reader);
  in_chunks_ = true;
  state_ = remaining_ == 0 ? State::Trailer : State::Data;
}

void HttpStream::end_data(HttpReader& reader) {
  if (!in_chunks_) return end_message(true, reader);
  state_ = State::ChunkEnd;
}

void HttpStream::end_message(bool whole, HttpReader& reader) {
  state_ = State::StartLine;
  guessed_ = false;
  reader.on_end(octets_, whole, time_us_);
  octets_ = 0;
}

void HttpStream::lose(bool by_gap, HttpReader& reader) {
  const bool is_known = state_ == State::Search || (state_ == State::StartLine && guessed_);
  break_off(reader);
  state_ = State::Search;
  guessed_ = false;
  line_.clear();
  line_cut_ = false;
  octets_ = 0;
  if (by_gap || !is_known) reader.on_loss(by_gap);
}

void HttpStream::skip(uint64_t octets, HttpReader& reader) {
  if (octets == 0) return;
  perhaps_ = false;
  if (state_ == State::UntilClose || (state_ == State::Data && octets <= remaining_)) {
    octets_ += octets;
    reader.on_hole();
    if (state_ == State::UntilClose) return;
    remaining_ -= octets;
    if (remaining_ == 0) end_data(reader);
    return;
  }
  lose(true, reader);
}

void HttpStream::finish(bool closed, HttpReader& reader) {
  if (perhaps_ || (state_ == State::UntilClose && closed)) {
    perhaps_ = false;
    return end_message(true, reader);
  }
  break_off(reader);
}

}  // namespace microcloud
