#include "app/query_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "app/query_text.h"
#include "base/printable.h"
#include "base/wall_clock.h"
#include "cloud/health_fields.h"
#include "probe/summary_text.h"
#include "record/json.h"
#include "resp/value.h"

namespace microcloud {
namespace {

const std::string* field(const Values& values, std::string_view name) {
  const auto found = std::find_if(values.begin(), values.end(), [name](const auto& one) { return one.first == name; });
  return found == values.end() ? nullptr : &found->second;
}

uint64_t number(const Values& values, std::string_view name) {
  const std::string* text = field(values, name);
  return text == nullptr ? 0 : static_cast<uint64_t>(std::max<int64_t>(0, resp::parse_integer(*text).value_or(0)));
}

std::string ago(const std::string* time_ms) {
  const auto then = time_ms == nullptr ? std::nullopt : resp::parse_integer(*time_ms);
  if (!then) return "-";
  const double seconds = static_cast<double>(std::max<int64_t>(0, wall_ms() - *then)) / 1000;
  if (seconds < 100) return fmt::format("{:.0f} s", seconds);
  if (seconds < 6'000) return fmt::format("{:.0f} min", seconds / 60);
  if (seconds < 2 * 86'400) return fmt::format("{:.0f} h", seconds / 3'600);
  return fmt::format("{:.0f} d", seconds / 86'400);
}

/// The histograms of a service's key.
struct Health {
  explicit Health(const Answer& answer) {
    for (const auto& [name, value] : answer.values) {
      delay.take(kDelayPrefix, name, value);
      network.take(kNetworkPrefix, name, value);
    }
  }
  HealthHistogram delay, network;
};

std::string milliseconds(std::optional<double> us) {
  return us ? fmt::format("{:.3g}", *us / 1000) : "-";
}

/// One stage of a probe's ladder.
struct Stage {
  std::string name;
  std::string in, out, held;
  std::vector<std::pair<std::string, std::string>> dropped;
};

std::vector<Stage> stages(const ProbeFacts& probe) {
  static constexpr const char* kStages[] = {"nic",   "ring",   "decode", "table", "parser",
                                            "queue", "export", "cloud",  "store"};
  std::vector<Stage> found;
  for (const char* name : kStages) {
    Stage stage{name, {}, {}, {}, {}};
    const std::string prefix = std::string(name) + ".", dropped = prefix + "dropped.";
    for (const auto& [key, value] : probe.heartbeat) {
      if (key == prefix + "in") stage.in = value;
      if (key == prefix + "out") stage.out = value;
      if (key == prefix + "held") stage.held = value;
      if (key.starts_with(dropped)) stage.dropped.emplace_back(key.substr(dropped.size()), value);
    }
    if (!stage.in.empty()) found.push_back(std::move(stage));
  }
  return found;
}

const char* state_of(const ProbeFacts& probe) {
  if (field(probe.heartbeat, "ended") != nullptr) return "ended";
  return probe.alive ? "alive" : "silent";
}

/// A figure of a heartbeat, whoever wrote that, in JSON.
std::string figure(const std::string& text) {
  const auto number = resp::parse_integer(text.empty() ? "0" : text);
  return number ? std::to_string(*number) : "null";
}

/// A row's cells behind its name, with the width of each.
using Cells = std::vector<std::pair<std::string, size_t>>;

/// A table whose first column has the names.
class Table {
 public:
  Table(const Rows& rows, Cells head, size_t columns) : head_(std::move(head)) {
    size_t others = 0;
    for (const auto& [text, width] : head_) others += 1 + width;
    for (const Ranking::Row& row : rows) width_ = std::max(width_, columns_of(printable(row.answer.key)));
    if (columns > 0) width_ = std::min(width_, std::max(TableShape::kLeastName, columns - std::min(columns, others)));
    add("key", head_);
  }
  void add(const std::string& name, const Cells& cells) {
    const std::string told = cut_to(printable(name), width_);
    text_ += told + std::string(width_ - columns_of(told), ' ');
    for (const auto& [text, width] : cells) text_ += fmt::format(" {:>{}}", text, width);
    text_ += '\n';
  }
  std::string text() { return std::move(text_); }

 private:
  Cells head_;
  size_t width_ = TableShape::kLeastName / 2;
  std::string text_;
};

}  // namespace

uint64_t bytes_of(const Answer& answer) {
  return number(answer.values, "bytesSent") + number(answer.values, "bytesRcvd");
}

uint64_t requests_of(const Answer& answer) {
  return number(answer.values, "requests");
}

std::string top_text(const Rows& rows, const TableShape& shape) {
  const auto cells = [&shape](std::string sent, std::string received, std::string packets, std::string flows,
                              std::string rate, std::string seen) {
    Cells all = {{std::move(sent), 11}, {std::move(received), 11}, {std::move(packets), 11}, {std::move(flows), 9}};
    if (shape.has_rates) all.emplace_back(std::move(rate), 11);
    all.emplace_back(std::move(seen), 7);
    return all;
  };
  Table table(rows, cells("sent B", "received B", "packets", "flows", "bit/s", "seen"), shape.columns);
  for (const auto& [answer, rate] : rows) {
    const auto& values = answer.values;
    table.add(answer.key, cells(scaled(number(values, "bytesSent")), scaled(number(values, "bytesRcvd")),
                                scaled(number(values, "packetsSent") + number(values, "packetsRcvd")),
                                scaled(number(values, "flowsClient") + number(values, "flowsServer")),
                                rate ? scaled(8 * *rate) : "-", ago(field(values, "lastSeen"))));
  }
  return table.text();
}

std::string health_text(const Rows& rows, const TableShape& shape) {
  const auto cells = [&shape](std::string requests, std::string errors, std::string rate,
                              std::vector<std::string> times, std::string seen) {
    Cells all = {{std::move(requests), 9}, {std::move(errors), 9}};
    if (shape.has_rates) all.emplace_back(std::move(rate), 9);
    for (std::string& time : times) all.emplace_back(std::move(time), 9);
    all.emplace_back(std::move(seen), 7);
    return all;
  };
  Table table(rows, cells("requests", "errors", "a second", {"p50 ms", "p95 ms", "p99 ms", "net ms"}, "seen"),
              shape.columns);
  for (const auto& [answer, rate] : rows) {
    Health health(answer);
    table.add(answer.key,
              cells(scaled(requests_of(answer)), scaled(number(answer.values, "errors")), rate ? scaled(*rate) : "-",
                    {milliseconds(health.delay.quantile_us(0.5)), milliseconds(health.delay.quantile_us(0.95)),
                     milliseconds(health.delay.quantile_us(0.99)), milliseconds(health.network.quantile_us(0.5))},
                    ago(field(answer.values, "lastSeen"))));
  }
  return table.text();
}

std::string top_json(const Rows& rows) {
  std::string out;
  for (const auto& [answer, rate] : rows) {
    out += answer_json(answer, "bitsPerSecond", rate ? std::optional(8 * *rate) : std::nullopt);
  }
  return out;
}

std::string health_json(const Rows& rows) {
  std::string out;
  for (const auto& [answer, rate] : rows) {
    Health health(answer);
    Answer told = answer;
    std::erase_if(told.values, [](const auto& one) {
      return one.first.starts_with(kDelayPrefix) || one.first.starts_with(kNetworkPrefix);
    });
    const auto add = [&told](const char* name, std::optional<double> quantile_us) {
      if (quantile_us) told.values.emplace_back(name, fmt::format("{:.0f}", *quantile_us));
    };
    add("delayP50Microseconds", health.delay.quantile_us(0.5));
    add("delayP95Microseconds", health.delay.quantile_us(0.95));
    add("delayP99Microseconds", health.delay.quantile_us(0.99));
    add("networkP50Microseconds", health.network.quantile_us(0.5));
    out += answer_json(told, "requestsPerSecond", rate);
  }
  return out;
}

std::string loss_text(const std::vector<ProbeFacts>& probes) {
  std::string out;
  for (const ProbeFacts& probe : probes) {
    const std::string* where = field(probe.heartbeat, "interfaces");
    const std::string state = state_of(probe), since = ago(field(probe.heartbeat, "beat"));
    out += fmt::format("{} ({}), {}\n", printable(probe.id), where == nullptr ? "?" : printable(*where),
                       state == "silent" ? "silent for " + since : state + " " + since + " ago");
    out += fmt::format("  {:<8} {:>15} {:>15} {:>9}  {}\n", "stage", "in", "out", "held", "dropped");
    for (const Stage& stage : stages(probe)) {
      std::string dropped;
      for (const auto& [reason, count] : stage.dropped)
        if (count != "0")
          dropped += fmt::format("{}{} {}", dropped.empty() ? "" : ", ", printable(reason), printable(count));
      out += fmt::format("  {:<8} {:>15} {:>15} {:>9}  {}\n", stage.name, printable(stage.in), printable(stage.out),
                         printable(stage.held), dropped.empty() ? "-" : dropped);
    }
  }
  return out;
}

std::string loss_json(const std::vector<ProbeFacts>& probes) {
  std::string out;
  for (const ProbeFacts& probe : probes) {
    const std::string* beat = field(probe.heartbeat, "beat");
    for (const Stage& stage : stages(probe)) {
      out += "{\"probe\":";
      append_json_string(out, probe.id);
      out += fmt::format(",\"state\":\"{}\",\"beat\":{}", state_of(probe), beat == nullptr ? "null" : figure(*beat));
      out += fmt::format(",\"stage\":\"{}\",\"in\":{},\"out\":{},\"held\":{},\"dropped\":{{", stage.name,
                         figure(stage.in), figure(stage.out), figure(stage.held));
      bool first = true;
      for (const auto& [reason, count] : stage.dropped) {
        if (!std::exchange(first, false)) out += ',';
        append_json_string(out, reason);
        out += ":" + figure(count);
      }
      out += "}}\n";
    }
  }
  return out;
}

}  // namespace microcloud
