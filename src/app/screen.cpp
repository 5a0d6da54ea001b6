#include "app/screen.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <string_view>

#include "app/standard_output.h"
#include "base/printable.h"

namespace microcloud {
namespace {

// DEC private modes: the alternate screen, lines that do not wrap, no cursor.
constexpr char kEnter[] = "\033[?1049h\033[?7l\033[?25l\033[2J";
constexpr char kLeave[] = "\033[?25h\033[?7h\033[?1049l";

std::atomic<bool> entered{false};
std::atomic<bool> emptied{false};

void say(std::string_view what) {
  // A terminal that is gone needs nothing.
  [[maybe_unused]] const ssize_t written = write(STDOUT_FILENO, what.data(), what.size());
}

extern "C" void on_stand_signal(int number);

void stand_by(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigaction(SIGTSTP, &action, nullptr);
}

/// The system's own answer to the signal is asked for, as it knows whether there is a shell that could let it go on.
extern "C" void on_stand_signal(int number) {
  const int error = errno;
  const bool was_entered = entered;
  Screen::leave();
  stand_by(SIG_DFL);
  sigset_t mask, before;
  sigemptyset(&mask);
  sigaddset(&mask, number);
  raise(number);
  pthread_sigmask(SIG_UNBLOCK, &mask, &before);  // here it stands
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  stand_by(on_stand_signal);
  if (was_entered) {
    entered = true;
    say(kEnter);
    emptied = true;
  }
  errno = error;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t from = 0; from < text.size();) {
    const size_t end = std::min(text.find('\n', from), text.size());
    lines.push_back(text.substr(from, end - from));
    from = end + 1;
  }
  return lines;
}

}  // namespace

bool Screen::possible() {
  return isatty(STDOUT_FILENO) != 0;
}

Screen::Screen() {
  entered = true;
  print(kEnter);
  struct sigaction usual {};
  if (sigaction(SIGTSTP, nullptr, &usual) == 0 && usual.sa_handler == SIG_DFL) stand_by(on_stand_signal);
}

Screen::~Screen() {
  leave();
}

void Screen::leave() noexcept {
  if (entered.exchange(false)) say(kLeave);
}

bool Screen::was_emptied() {
  return emptied.exchange(false);
}

Screen::Size Screen::size() {
  winsize said{};
  Size size;
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &said) != 0) return size;
  if (said.ws_row > 0) size.rows = said.ws_row;
  if (said.ws_col > 0) size.columns = said.ws_col;
  return size;
}

void Screen::draw(const std::string& title, const std::string& text, const std::vector<std::string>& notes, Size size) {
  std::vector<std::string> lines = lines_of(text);
  std::vector<std::string> told = notes;
  const size_t most_notes = std::max<size_t>(1, size.rows / 4);
  if (told.size() > most_notes) {
    const size_t more = told.size() - most_notes + 1;
    told.resize(most_notes - 1);
    told.push_back("and " + std::to_string(more) + " more warnings");
  }
  const size_t others = 1 + told.size();
  const size_t room = size.rows > others ? size.rows - others : 0;
  std::string head = title;
  if (lines.size() > room) {
    head = std::to_string(lines.size() - room) + " more lines do not fit; " + title;
    lines.resize(room);
  }
  lines.insert(lines.begin(), head);
  lines.resize(size.rows > told.size() ? size.rows - told.size() : 0);
  for (const std::string& note : told) lines.push_back("! " + printable(note));
  lines.resize(size.rows);
  std::string out = "\033[H";
  for (size_t at = 0; at < lines.size(); ++at)
    out += (at > 0 ? "\r\n" : "") + cut_to(lines[at], size.columns) + "\033[K";
  print(out);
}

}  // namespace microcloud
