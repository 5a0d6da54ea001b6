// Replies of a server, in RESP2 or RESP3 as its client chose (HELLO).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "resp/value.h"

namespace microcloud::resp {

enum class Protocol : uint8_t { Resp2 = 2, Resp3 = 3 };

/// Appends to a buffer. What RESP2 does not know it gets as Redis gives it: a map as an array of names and values, a
/// double and a big number as bulk strings, a boolean as 0 or 1.
class ReplyWriter {
 public:
  ReplyWriter(std::string& out, Protocol protocol) : out_(out), resp3_(protocol == Protocol::Resp3) {}

  /// The same buffer, another protocol.
  ReplyWriter with(Protocol protocol) const { return {out_, protocol}; }

  bool is_resp3() const { return resp3_; }
  void null();
  /// Where RESP2 has `*-1`: a key that is missing where an array would stand.
  void null_array();
  void integer(int64_t number);
  void real(double number);
  void boolean(bool yes);
  void ok() { simple("OK"); }
  /// CR and LF in `text` become blanks, as they would end the line.
  void simple(std::string_view text);
  /// `text` begins with its code: `ERR unknown command`.
  void error(std::string_view text);
  void bulk(std::string_view text);
  /// `format` is three letters: `txt`.
  void verbatim(std::string_view format, std::string_view text);
  void big_number(std::string_view digits);
  /// The elements follow: `count`, or twice as many for a map.
  void array(size_t count);
  void map(size_t count);
  void set(size_t count);
  void push(size_t count);
  /// Any value; RESP2 gets no attributes.
  void value(const Value& value);

 private:
  void line(char kind, std::string_view text);
  void aggregate(const Value& value);

  std::string& out_;
  bool resp3_;
};

}  // namespace microcloud::resp
