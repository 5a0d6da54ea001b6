// The whole screen of a terminal, for what is looked at again and again: the terminal's alternate one, so that what
// stood there is there again afterwards.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace microcloud {

class Screen {
 public:
  struct Size {
    size_t rows = 24;
    size_t columns = 80;
    bool operator==(const Size&) const = default;
  };

  /// Standard output is a terminal.
  static bool possible();

  /// From now on the terminal is given back while the program stands (SIGTSTP, Ctrl-Z).
  Screen();
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  /// As the terminal says it now, or 24 x 80 where it does not.
  static Size size();
  /// In the first line `title`, in the last ones the notes, and between them of `text` what fits: what does not is told
  /// in the first line. No line is longer than the screen is wide. Throws ClosedOutput (app/standard_output.h).
  static void draw(const std::string& title, const std::string& text, const std::vector<std::string>& notes, Size size);

  /// Once after the program has stood: nothing of what was drawn is there any more.
  static bool was_emptied();

  /// Gives the terminal back, if a screen has it. A signal's handler may call it.
  static void leave() noexcept;
};

}  // namespace microcloud
