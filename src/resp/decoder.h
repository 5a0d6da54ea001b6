// From bytes to values: RESP2 and RESP3, as a client reads them. The streamed forms of RESP3 (`$?`, `*?`), which no
// server sends, are refused.
#pragma once

#include <string>
#include <vector>

#include "resp/input.h"
#include "resp/value.h"

namespace microcloud::resp {

enum class Progress : uint8_t { More, Done, Malformed };

/// Bounds on one value. What is over them is malformed as soon as it is announced, and nothing is reserved for it.
struct DecoderLimits {
  size_t depth = 16;                 // aggregates within each other
  size_t elements = 4 << 20;         // in all aggregates of the value together
  size_t line = 64 << 10;            // bytes of a simple string, an error, a number
  size_t bulk = size_t{64} << 20;    // bytes of a bulk string
  size_t total = size_t{256} << 20;  // bytes of the whole value
};

/// Takes bytes as they come. After Malformed it takes nothing more: the connection is of no use.
class Decoder {
 public:
  explicit Decoder(DecoderLimits limits = {}) : limits_(limits) {}

  void feed(Bytes bytes);
  void feed(std::string_view text) { feed(as_bytes(text)); }
  /// Done: `value` holds the next one. Call it until it says More.
  [[nodiscard]] Progress next(Value& value);
  /// What was malformed, for a log line; it holds no byte of the peer's.
  const char* wrong() const { return wrong_; }
  /// Bytes that wait for more.
  size_t buffered() const { return input_.size(); }
  /// For a new connection.
  void reset();

 private:
  struct Open {
    Value value;
    size_t left;  // elements still to come
  };
  Progress element(Value& value);
  Progress line(Value& value, char kind, std::string_view text);
  Progress open(Value& value, Type type, std::string_view count);
  Progress start_bulk(Value& value, std::string_view length);
  Progress bulk(Value& value);
  Progress malformed(const char* what);
  void consume(size_t count);
  void close(Value& value);

  DecoderLimits limits_;
  Input input_;
  std::vector<Open> open_;
  size_t scanned_ = 0;   // bytes of the unfinished line that hold no end
  size_t elements_ = 0;  // announced in the value at hand
  size_t taken_ = 0;     // bytes read of the value at hand
  bool in_bulk_ = false;
  char bulk_kind_ = 0;
  size_t bulk_size_ = 0;
  const char* wrong_ = nullptr;
};

}  // namespace microcloud::resp
