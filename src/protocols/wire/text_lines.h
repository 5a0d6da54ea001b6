// Lines of a text protocol out of one direction of a TCP connection, however the stream is divided: they end in CRLF or
// LF, and octets that are no lines (literals, chunks) may stand between them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/cursor.h"

namespace microcloud {

/// Keeps at most kMostOfLine octets of a line that is not complete.
class TextLines {
 public:
  static constexpr size_t kMostOfLine = 2048;  // RFC 5321, 4.5.3.1 asks for 512 and 1,000; tokens of AUTH are longer

  struct Item {
    enum class Kind : uint8_t {
      More,   // nothing is left of this piece
      Line,   // `text` without its end; valid until the next call
      Octets  // `text`: the next ones of those that expect() announced, as many as this piece has
    };
    Kind kind = Kind::More;
    std::string_view text;
    bool cut = false;  // a line's end is left out
  };

  /// Takes the next item from the beginning of `bytes`.
  Item next(Bytes& bytes);
  /// The next `octets` are no lines.
  void expect(uint64_t octets) { octets_ = octets; }
  uint64_t expected() const { return octets_; }
  /// So many octets are missing here. True: all of them were ones that expect() announced; else what was begun is
  /// dropped, and so is the rest of the line in which the next octet stands.
  bool lose(uint32_t octets);
  /// The next octet may stand anywhere.
  void lose_place();

 private:
  std::string kept_;      // beginning of a line
  uint64_t octets_ = 0;   // that are no lines
  bool given_ = false;    // kept_ was the last item
  bool cut_ = false;      // the line has more than kept_
  bool looking_ = false;  // for the end of a line whose beginning is unknown
};

}  // namespace microcloud
