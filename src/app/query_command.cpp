// microcloud query: asks the MicroCloud and the flow caches of its live probes with one question.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <functional>
#include <memory>
#include <set>
#include <thread>
#include <utility>

#include "app/command.h"
#include "app/everybody.h"
#include "app/query_messages.h"
#include "app/query_options.h"
#include "app/query_tables.h"
#include "app/query_text.h"
#include "app/screen.h"
#include "app/standard_output.h"
#include "app/stop_signals.h"
#include "base/printable.h"
#include "cloud/key_names.h"

namespace microcloud {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kTurn{20};
/// For a server that starts again; for one that takes the place of another.
constexpr std::chrono::seconds kPatience{2}, kFailoverPatience{10};
constexpr size_t kSpareKeys = 50;

std::atomic<bool> stop_asked{false};

extern "C" void on_query_stop_signal(int) {
  if (!stop_asked.exchange(true)) return;
  Screen::leave();
  _exit(kExitFailed);
}

void warn(const std::string& sentence) {
  std::fprintf(stderr, "microcloud query: %s\n", printable(sentence).c_str());
}

double seconds_now() {
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

/// Reads, so that what was cut off can be asked again, of whoever is there then.
template <typename Ask>
auto ask_patiently(const QueryOptions& options, Ask ask) {
  const bool fails_over = options.cloud.url.find("+sentinel:") != std::string::npos ||
                          options.cloud.url.find("+cluster:") != std::string::npos;
  const auto until = Clock::now() + (fails_over ? kFailoverPatience : kPatience);
  for (;;) {
    try {
      return ask();
    } catch (const StoreAway&) {
      if (stop_asked || Clock::now() >= until) throw;
    }
    std::this_thread::sleep_for(kTurn);
  }
}

void tell_keys(const QueryOptions& options, Everybody& everybody) {
  const std::string pattern = realm_prefix(options.cloud.realm) + options.subject;
  const auto keys = ask_patiently(options, [&] { return everybody.view().keys(pattern, options.type); });
  for (const auto& [probe, why] : everybody.missing()) warn(why);
  print(keys_text(keys, options.json));
}

/// What is there to be said of answers, but that a probe is missing.
void note_inexact(const MergedView& view, const std::vector<Answer>& answers, std::vector<std::string>& notes) {
  if (!view.is_whole()) return;
  for (const Answer& answer : answers) {
    if (answer.exact) continue;
    notes.push_back(
        answer.key +
        ": updates were on their way all the time, or are in a spill file; some may be counted twice, or missing");
  }
}

std::vector<std::string> notes_of_missing(const Everybody& everybody) {
  std::vector<std::string> notes;
  for (const auto& [probe, why] : everybody.missing()) notes.push_back(why);
  return notes;
}

int tell_key(const QueryOptions& options, Everybody& everybody) {
  const std::string key = realm_prefix(options.cloud.realm) + options.subject;
  std::vector<std::string> notes;
  const Answer answer = ask_patiently(options, [&] {
    MergedView view = everybody.view();
    const std::vector<Answer> answers = view.get({key}, options.count.value_or(kDefaultCount));
    notes = notes_of_missing(everybody);
    note_inexact(view, answers, notes);
    return answers.front();
  });
  for (const std::string& note : notes) warn(note);
  if (options.json) print(answer_json(answer));
  if (answer.kind == KeyKind::None) {
    warn("there is no key " + answer.key);
    return kExitFailed;
  }
  if (!options.json) print(answer_text(answer));
  return kExitDone;
}

/// What one look saw, to be told in so many columns; 0: in as many as it takes.
struct Look {
  std::function<std::string(size_t columns)> text;
  std::vector<std::string> notes;
};

std::string clock_text() {
  const time_t now = std::time(nullptr);
  tm parts{};
  localtime_r(&now, &parts);
  char text[16];
  std::strftime(text, sizeof text, "%H:%M:%S", &parts);
  return text;
}

void wait_until(Clock::time_point until) {
  while (!stop_asked && Clock::now() < until) std::this_thread::sleep_for(kTurn);
}

/// On a terminal each look takes the place of the one before.
template <typename See>
void look_on_screen(const QueryOptions& options, const std::string& title, See see) {
  Look look = ask_patiently(options, see);
  const Screen screen;
  std::string head = clock_text() + " " + title, away;
  while (!stop_asked) {
    const auto until = Clock::now() + std::chrono::duration<double>(options.interval_s.value_or(kDefaultInterval));
    Screen::Size drawn{0, 0};
    while (!stop_asked && Clock::now() < until) {
      const Screen::Size size = Screen::size();
      std::vector<std::string> notes = look.notes;
      if (!away.empty()) notes.insert(notes.begin(), away);
      if (Screen::was_emptied() || !(size == drawn)) Screen::draw(head, look.text(size.columns), notes, size);
      drawn = size;
      std::this_thread::sleep_for(kTurn);
    }
    if (stop_asked) return;
    try {
      look = see();
      away.clear();
      head = clock_text() + " " + title;
    } catch (const ClosedOutput&) {
      throw;
    } catch (const std::runtime_error& error) {
      away = clock_text() + " " + error.what();
    }
  }
}

/// Elsewhere they follow each other. What is to be said is said when it begins.
template <typename See>
void look_in_lines(const QueryOptions& options, See see) {
  std::vector<std::string> said;
  bool is_away = false;
  for (bool first = true; first || (options.again && !stop_asked); first = false) {
    const auto until = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                          std::chrono::duration<double>(options.interval_s.value_or(kDefaultInterval)));
    try {
      const Look look = first ? ask_patiently(options, see) : see();
      if (std::exchange(is_away, false)) warn("the MicroCloud answers again");
      for (const std::string& note : look.notes)
        if (std::find(said.begin(), said.end(), note) == said.end()) warn(note);
      said = look.notes;
      print(look.text(0));
    } catch (const ClosedOutput&) {
      throw;
    } catch (const std::runtime_error& error) {
      if (first) throw;
      if (!std::exchange(is_away, true)) warn(std::string(error.what()) + "; it is asked again until it answers");
    }
    if (options.again) wait_until(until);
  }
}

template <typename See>
void look_again(const QueryOptions& options, const std::string& title, See see) {
  if (options.again && !options.json && Screen::possible()) {
    look_on_screen(options, title, see);
  } else {
    look_in_lines(options, see);
  }
}

void tell_top(const QueryOptions& options, Everybody& everybody) {
  const bool health = tells_health(options.subject);
  const std::string tree = options.subject == "url" ? "http.url" : options.subject;
  const MergedView::SummedFields fields =
      health ? MergedView::SummedFields{"requests", "-"} : MergedView::SummedFields{"bytesSent", "bytesRcvd"};
  Ranking ranking(options.count.value_or(kDefaultCount), options.again ? kSpareKeys : 0,
                  health ? requests_of : bytes_of);
  std::set<std::string> missed;
  look_again(options, "top " + options.subject + " of " + everybody.cloud().name(), [&] {
    MergedView view = everybody.view();
    Look look{{}, notes_of_missing(everybody)};
    std::set<std::string> missing;
    for (const auto& [probe, why] : everybody.missing()) missing.insert(probe);
    if (std::exchange(missed, missing) != missing) ranking.forget();
    const std::vector<std::string> keys = ranking.candidates(view.sums(tree, fields), seconds_now());
    std::vector<Answer> answers = view.get(keys);
    auto rows = std::make_shared<Rows>(ranking.rank(std::move(answers), seconds_now()));
    std::vector<Answer> shown;
    for (const Ranking::Row& row : *rows) shown.push_back(row.answer);
    note_inexact(view, shown, look.notes);
    look.text = [rows, health, has_rates = ranking.has_rates(), json = options.json](size_t columns) {
      const TableShape shape{has_rates, columns};
      if (json) return health ? health_json(*rows) : top_json(*rows);
      return health ? health_text(*rows, shape) : top_text(*rows, shape);
    };
    return look;
  });
}

void tell_loss(const QueryOptions& options, Everybody& everybody) {
  look_again(options, "loss of the probes of " + everybody.cloud().name(), [&] {
    Look look;
    const std::vector<ProbeFacts> probes = everybody.probes();
    if (probes.empty()) look.notes.push_back("no probe has told of itself at " + everybody.cloud().name());
    look.text = [probes, json = options.json](size_t) { return json ? loss_json(probes) : loss_text(probes); };
    return look;
  });
}

/// As who asks must be told to whoever may not ask.
std::string explained(const std::string& what, const QueryOptions& options) {
  const std::string& url = options.cloud.url;
  const size_t scheme = url.find("://");
  if (what.find(": NOAUTH ") == std::string::npos || scheme == std::string::npos) return what;
  const size_t at = url.find('@'), host = at == std::string::npos ? scheme + 3 : at + 1;
  return "the MicroCloud at " + url.substr(0, scheme + 3) + url.substr(host) + " wants a user and a secret: --cloud " +
         url.substr(0, scheme + 3) + "reader@" + url.substr(host) +
         " --cloud-secret-file DIR/secrets/reader (DIR: of microcloud node --dir there)";
}

}  // namespace

int run_query(int count, char** arguments) {
  QueryOptions options;
  CLI::App app(
      "Ask the MicroCloud and the flow caches of its live probes with one question.\n"
      "Probes are found by their heartbeat and asked where they --listen: what the node has and what is still open in "
      "a\nprobe add up, and nothing is counted twice.\n",
      "query");
  declare(app, options);
  if (const auto status = parse_command_line(app, count, arguments, [&options] { check(options); })) return *status;
  take_realm_of_subject(options);
  catch_stop_signals(on_query_stop_signal);
  try {
    Everybody everybody(options);
    if (options.question == "get") return tell_key(options, everybody);
    if (options.question == "keys") tell_keys(options, everybody);
    if (options.question == "top") tell_top(options, everybody);
    if (options.question == "loss") tell_loss(options, everybody);
    if (options.question == "watch") tell_messages(options, everybody, stop_asked, warn);
  } catch (const ClosedOutput&) {
    return kExitDone;
  } catch (const UsageError&) {
    throw;
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(explained(error.what(), options));
  }
  return kExitDone;
}

}  // namespace microcloud
