// Both directions of a protocol whose client sends lines of commands and whose server answers in lines, and a parser
// made of them.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "inspect/parser.h"
#include "protocols/wire/text_lines.h"

namespace microcloud {

/// Cuts both streams into items, and knows which end is the client: whoever sends the first line that only one of them
/// would send; until then the flow's initiator. `Reader` has:
///   bool is_command(line), is_reply(line);     // std::string_view
///   void client_item(item, time_us, lines), server_item(item, time_us, lines);  // `lines`: both ends' ones
///   void missing(from_client, within_octets);  // octets are; `within_octets`: all were announced by expect()
///   void no_beginning();                       // the connection began before the capture
///   bool is_over();                            // reads no more
template <typename Reader>
class TwoWayLines {
 public:
  void read(const Segment& segment, Reader& reader) {
    const bool initiator = segment.from_initiator;
    if (segment.in_middle) reader.no_beginning();
    if (segment.gap != 0) lose(segment.gap, initiator, reader);
    Bytes bytes = segment.bytes;
    while (!reader.is_over()) {
      const TextLines::Item item = lines(initiator).next(bytes);
      if (item.kind == TextLines::Item::Kind::More) break;
      if (!has_roles_ && item.kind == TextLines::Item::Kind::Line) settle(item.text, initiator, reader);
      if (initiator == client_is_initiator_) {
        reader.client_item(item, segment.time_us, *this);
      } else {
        reader.server_item(item, segment.time_us, *this);
      }
    }
    const size_t captured = segment.bytes.size();
    if (segment.octets > captured) lose(segment.octets - static_cast<uint32_t>(captured), initiator, reader);
  }

  bool client_is_initiator() const { return client_is_initiator_; }
  TextLines& client_lines() { return lines(client_is_initiator_); }
  TextLines& server_lines() { return lines(!client_is_initiator_); }

 private:
  TextLines& lines(bool of_initiator) { return lines_[of_initiator ? 0 : 1]; }
  void lose(uint32_t octets, bool initiator, Reader& reader) {
    const bool within = lines(initiator).lose(octets);
    reader.missing(initiator == client_is_initiator_, within);
  }
  void settle(std::string_view line, bool initiator, const Reader& reader) {
    if (reader.is_reply(line)) {
      client_is_initiator_ = !initiator;
    } else if (reader.is_command(line)) {
      client_is_initiator_ = initiator;
    } else {
      return;
    }
    has_roles_ = true;
  }

  std::array<TextLines, 2> lines_;
  bool has_roles_ = false;
  bool client_is_initiator_ = true;
};

/// Reads connections one after the other. `Connection` is a reader as above, made with the time of its first octet, and
/// has:
///   bool is_mine();     // can it be right about what it reads?
///   bool is_covered();  // when it is over: is what follows none of lines?
///   void tell_done(client_is_initiator, dialogue);  // what has completed
///   void tell_rest(client_is_initiator, dialogue);  // no more comes
template <typename Connection>
class LineParser final : public Parser {
 public:
  Status on_data(const Segment& segment, Dialogue& dialogue) override {
    if (!state_) state_ = std::make_unique<State>(segment.time_us);
    Connection& reader = state_->reader;
    state_->lines.read(segment, reader);
    reader.tell_done(state_->lines.client_is_initiator(), dialogue);
    if (!reader.is_mine()) return Status::Malformed;
    if (!reader.is_over()) return Status::More;
    const bool covered = reader.is_covered();
    state_.reset();
    return covered ? Status::Done : Status::More;  // another connection of the same ends may follow
  }

  bool waits() const override { return false; }
  void on_end(FlowOver, int64_t, Dialogue& dialogue) override {
    if (state_) state_->reader.tell_rest(state_->lines.client_is_initiator(), dialogue);
    state_.reset();
  }

 private:
  struct State {
    explicit State(int64_t now_us) : reader(now_us) {}
    Connection reader;
    TwoWayLines<Connection> lines;
  };
  std::unique_ptr<State> state_;
};

}  // namespace microcloud
