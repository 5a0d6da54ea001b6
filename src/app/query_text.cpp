#include "app/query_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/wall_clock.h"
#include "cloud/health_fields.h"
#include "probe/summary_text.h"
#include "record/json.h"
#include "resp/value.h"

namespace microcloud {
namespace {

const std::string* field(const std::vector<std::pair<std::string, std::string>>& values, std::string_view name) {
  const auto found = std::find_if(values.begin(), values.end(), [name](const auto& one) { return one.first == name; });
  return found == values.end() ? nullptr : &found->second;
}

uint64_t number(const std::vector<std::pair<std::string, std::string>>& values, std::string_view name) {
  const std::string* text = field(values, name);
  return text == nullptr ? 0 : static_cast<uint64_t>(std::max<int64_t>(0, resp::parse_integer(*text).value_or(0)));
}

const char* kind_name(KeyKind kind) {
  switch (kind) {
    case KeyKind::Hash:
      return "hash";
    case KeyKind::SortedSet:
      return "zset";
    case KeyKind::Set:
      return "set";
    case KeyKind::Text:
      return "string";
    case KeyKind::None:
      break;
  }
  return "none";
}

/// Numbers as numbers: what is written as one, and is none of the texts that may look like one.
void append_value(std::string& out, std::string_view name, const std::string& value) {
  const bool text = name == "name" || name == "user" || name == "session";
  if (!text && resp::parse_integer(value) && (value == "0" || (value[0] != '0' && value[0] != '+'))) {
    out += value;
  } else {
    append_json_string(out, value);
  }
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

}  // namespace

uint64_t bytes_of(const Answer& answer) {
  return number(answer.values, "bytesSent") + number(answer.values, "bytesRcvd");
}

std::string keys_text(const std::vector<std::string>& keys, bool json) {
  std::string out;
  for (const std::string& key : keys) {
    if (json) {
      out += "{\"key\":";
      append_json_string(out, key);
      out += "}\n";
    } else {
      out += key + '\n';
    }
  }
  return out;
}

std::string answer_text(const Answer& answer) {
  std::string out;
  size_t width = 0;
  for (const auto& [name, value] : answer.values) width = std::max(width, name.size());
  for (const auto& [name, value] : answer.values) {
    if (name.empty() || value.empty()) {
      out += name + value + '\n';
    } else {
      out += fmt::format("{:<{}}  {}\n", name, width, value);
    }
  }
  return out;
}

std::string answer_json(const Answer& answer) {
  std::string out = "{\"key\":";
  append_json_string(out, answer.key);
  out += fmt::format(",\"type\":\"{}\",\"exact\":{}", kind_name(answer.kind), answer.exact);
  if (answer.kind == KeyKind::Text && !answer.values.empty()) {
    out += ",\"value\":";
    append_value(out, "", answer.values.front().second);
  } else if (answer.kind == KeyKind::Set) {
    out += ",\"members\":[";
    for (const auto& [member, nothing] : answer.values) {
      if (&member != &answer.values.front().first) out += ',';
      append_json_string(out, member);
    }
    out += ']';
  } else if (answer.kind == KeyKind::Hash || answer.kind == KeyKind::SortedSet) {
    out += answer.kind == KeyKind::Hash ? ",\"fields\":{" : ",\"scores\":{";
    bool first = true;
    for (const auto& [name, value] : answer.values) {
      if (!std::exchange(first, false)) out += ',';
      append_json_string(out, name);
      out += ':';
      append_value(out, name, value);
    }
    out += '}';
  }
  return out + "}\n";
}

std::string top_text(const std::vector<Answer>& answers, const Before& before) {
  size_t width = 4;
  for (const Answer& answer : answers) width = std::max(width, answer.key.size());
  const bool rates = before.seconds > 0;
  std::string out = fmt::format("{:<{}} {:>11} {:>11} {:>11} {:>9}{} {:>7}\n", "key", width, "sent B", "received B",
                                "packets", "flows", rates ? fmt::format(" {:>11}", "bit/s") : "", "seen");
  for (const Answer& answer : answers) {
    const auto& values = answer.values;
    std::string rate;
    if (rates) {
      const auto old = before.sums.find(answer.key);
      const uint64_t bytes = bytes_of(answer);
      // A counter may begin anew when its key had expired.
      const uint64_t grown = old == before.sums.end() || bytes < old->second ? 0 : bytes - old->second;
      rate = fmt::format(" {:>11}", scaled(static_cast<double>(grown) * 8 / before.seconds));
    }
    out += fmt::format(
        "{:<{}} {:>11} {:>11} {:>11} {:>9}{} {:>7}\n", answer.key, width, scaled(number(values, "bytesSent")),
        scaled(number(values, "bytesRcvd")), scaled(number(values, "packetsSent") + number(values, "packetsRcvd")),
        scaled(number(values, "flowsClient") + number(values, "flowsServer")), rate, ago(field(values, "lastSeen")));
  }
  return out;
}

uint64_t requests_of(const Answer& answer) {
  return number(answer.values, "requests");
}

std::string health_text(const std::vector<Answer>& answers, const Before& before) {
  size_t width = 4;
  for (const Answer& answer : answers) width = std::max(width, answer.key.size());
  const bool rates = before.seconds > 0;
  std::string out =
      fmt::format("{:<{}} {:>9} {:>9}{} {:>9} {:>9} {:>9} {:>9} {:>7}\n", "key", width, "requests", "errors",
                  rates ? fmt::format(" {:>9}", "a second") : "", "p50 ms", "p95 ms", "p99 ms", "net ms", "seen");
  for (const Answer& answer : answers) {
    std::string rate;
    if (rates) {
      const auto old = before.sums.find(answer.key);
      const uint64_t requests = requests_of(answer);
      const uint64_t grown = old == before.sums.end() || requests < old->second ? 0 : requests - old->second;
      rate = fmt::format(" {:>9}", scaled(static_cast<double>(grown) / before.seconds));
    }
    Health health(answer);
    out += fmt::format("{:<{}} {:>9} {:>9}{} {:>9} {:>9} {:>9} {:>9} {:>7}\n", answer.key, width,
                       scaled(requests_of(answer)), scaled(number(answer.values, "errors")), rate,
                       milliseconds(health.delay.quantile_us(0.5)), milliseconds(health.delay.quantile_us(0.95)),
                       milliseconds(health.delay.quantile_us(0.99)), milliseconds(health.network.quantile_us(0.5)),
                       ago(field(answer.values, "lastSeen")));
  }
  return out;
}

std::string health_json(const Answer& answer) {
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
  return answer_json(told);
}

std::string loss_text(const std::vector<ProbeFacts>& probes) {
  std::string out;
  for (const ProbeFacts& probe : probes) {
    const std::string* where = field(probe.heartbeat, "interfaces");
    const bool has_ended = field(probe.heartbeat, "ended") != nullptr;
    out += fmt::format("{} ({}), {} {} ago\n", probe.id, where == nullptr ? "?" : *where,
                       has_ended     ? "ended"
                       : probe.alive ? "alive"
                                     : "silent since",
                       ago(field(probe.heartbeat, "beat")));
    out += fmt::format("  {:<8} {:>15} {:>15} {:>9}  {}\n", "stage", "in", "out", "held", "dropped");
    for (const Stage& stage : stages(probe)) {
      std::string dropped;
      for (const auto& [reason, count] : stage.dropped)
        if (count != "0") dropped += fmt::format("{}{} {}", dropped.empty() ? "" : ", ", reason, count);
      out += fmt::format("  {:<8} {:>15} {:>15} {:>9}  {}\n", stage.name, stage.in, stage.out, stage.held,
                         dropped.empty() ? "-" : dropped);
    }
  }
  return out;
}

std::string loss_json(const std::vector<ProbeFacts>& probes) {
  std::string out;
  for (const ProbeFacts& probe : probes) {
    for (const Stage& stage : stages(probe)) {
      out += "{\"probe\":";
      append_json_string(out, probe.id);
      out += fmt::format(",\"stage\":\"{}\",\"in\":{},\"out\":{},\"held\":{},\"dropped\":{{", stage.name, stage.in,
                         stage.out.empty() ? "0" : stage.out, stage.held.empty() ? "0" : stage.held);
      bool first = true;
      for (const auto& [reason, count] : stage.dropped) {
        if (!std::exchange(first, false)) out += ',';
        append_json_string(out, reason);
        out += ":" + count;
      }
      out += "}}\n";
    }
  }
  return out;
}

std::string message_text(const std::string& channel, const std::string& message, bool json) {
  if (!json) return channel + "  " + message + "\n";
  std::string out = "{\"channel\":";
  append_json_string(out, channel);
  out += ",\"message\":";
  append_json_string(out, message);
  return out + "}\n";
}

}  // namespace microcloud
