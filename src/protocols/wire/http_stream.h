// One direction of an HTTP/1.x connection: where its messages begin and end (RFC 9112, 6 and 7).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/cursor.h"
#include "protocols/wire/http_head.h"

namespace microcloud {

/// What follows a head.
enum class HttpBody : uint8_t {
  AsDeclared,  // a body, if the head says so
  Perhaps,     // the same, unless another head follows at once: the answer to a HEAD that was not seen
  None,        // nothing, whatever the head says: the next message
  Tunnel,      // something else may: messages are looked for where segments begin
  Foreign      // a head that this direction cannot have sent
};

/// Told by a stream, in order: a head, its end, the next head. What is lost is told after the end of its message.
class HttpReader {
 public:
  virtual ~HttpReader() = default;
  /// `first_us`: of the packet with the message's first octet.
  virtual HttpBody on_head(HttpHead& head, int64_t first_us) = 0;
  /// `octets` of the message, its head included; `last_us`: of the packet with its last octet.
  virtual void on_end(uint64_t octets, bool is_whole, int64_t last_us) = 0;
  /// Octets of the body are missing, but its length is known.
  virtual void on_hole() = 0;
  /// Where messages begin is unknown from here: `by_gap` octets are missing, else they are no HTTP.
  virtual void on_loss(bool by_gap) = 0;
};

/// Keeps of an unfinished head what HttpHead holds and one line of at most kMostOfLine; of bodies nothing. A head of
/// more than kMostOfHead octets is no HTTP.
class HttpStream {
 public:
  static constexpr size_t kMostOfLine = 8192;
  static constexpr uint64_t kMostOfHead = 262'144;

  /// The next octets in order.
  void read(Bytes bytes, int64_t time_us, HttpReader& reader);
  /// So many octets were not seen.
  void skip(uint64_t octets, HttpReader& reader);
  /// The middle of something: a message may begin with any segment.
  void begin_in_middle() { state_ = State::Search; }
  /// No more comes. `closed`: by the sender, which ends bodies of no declared length.
  void finish(bool closed, HttpReader& reader);

 private:
  enum class State : uint8_t { Search, StartLine, Field, Data, UntilClose, ChunkSize, ChunkEnd, Trailer };

  void step(Cursor& in, HttpReader& reader);
  bool take_line(Cursor& in, std::string_view& line);
  void read_line(std::string_view line, HttpReader& reader);
  void read_start(std::string_view line, HttpReader& reader);
  void read_field(std::string_view line, HttpReader& reader);
  void read_chunk_size(std::string_view line, HttpReader& reader);
  void end_field();
  void end_head(HttpReader& reader);
  void break_off(HttpReader& reader);
  void begin_body(HttpReader& reader);
  void end_data(HttpReader& reader);
  void end_message(bool whole, HttpReader& reader);
  void lose(bool by_gap, HttpReader& reader);

  State state_ = State::StartLine;
  bool guessed_ = false;    // that a message begins here
  bool in_chunks_ = false;  // Data: of one
  bool perhaps_ = false;    // a body whose first octet has not come yet, if there is one
  bool line_cut_ = false;
  bool has_field_ = false;
  uint64_t remaining_ = 0;  // Data
  uint64_t octets_ = 0;     // of the message, up to now
  int64_t time_us_ = 0;
  int64_t first_us_ = 0;
  std::string line_;   // begun in an earlier piece
  std::string field_;  // that the next line may continue
  HttpHead head_;
};

}  // namespace microcloud
