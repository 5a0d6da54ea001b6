// Commands for a Redis server, one behind the other in one buffer, as they go over the wire.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace microcloud::resp {

/// `commands.add("HINCRBY", key, field, 5)`: nothing is allocated but what the buffer takes when it grows.
class Commands {
 public:
  template <typename... Arguments>
  void add(std::string_view name, const Arguments&... arguments) {
    start(1 + sizeof...(arguments));
    argument(name);
    (argument(arguments), ...);
  }

  /// A command of as many arguments as only the caller knows, its name among them: that many calls of argument()
  /// follow.
  void start(size_t arguments);
  void argument(std::string_view text);
  template <typename Text>
    requires std::convertible_to<const Text&, std::string_view>
  void argument(const Text& text) {
    argument(std::string_view(text));
  }
  template <std::integral Integer>
  void argument(Integer number) {
    if constexpr (std::signed_integral<Integer>) {
      signed_number(number);
    } else {
      unsigned_number(number);
    }
  }
  /// In the fewest digits that give the same number again.
  void argument(double number);

  void append(const Commands& more);
  /// Bytes that hold `count` whole commands.
  void append(std::string_view bytes, size_t count);

  bool empty() const { return count_ == 0; }
  size_t count() const { return count_; }
  std::string_view bytes() const { return bytes_; }
  /// The buffer keeps its memory.
  void clear();
  /// Gives the buffer away, and is empty.
  std::string take();

 private:
  void signed_number(int64_t number);
  void unsigned_number(uint64_t number);

  std::string bytes_;
  size_t count_ = 0;
};

}  // namespace microcloud::resp
