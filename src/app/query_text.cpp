#include "app/query_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "base/printable.h"
#include "record/json.h"
#include "resp/value.h"

namespace microcloud {
namespace {

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
    case KeyKind::List:
      return "list";
    case KeyKind::Stream:
      return "stream";
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

/// Of Redis; JSON has no infinite ones.
void append_score(std::string& out, const std::string& value) {
  double score = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), score);
  if (error == std::errc() && end == value.data() + value.size() && std::isfinite(score)) {
    out += value;
  } else {
    append_json_string(out, value);
  }
}

void append_fields(std::string& out, const Values& values, bool scores) {
  out += '{';
  bool first = true;
  for (const auto& [name, value] : values) {
    if (!std::exchange(first, false)) out += ',';
    append_json_string(out, name);
    out += ':';
    if (scores) {
      append_score(out, value);
    } else {
      append_value(out, name, value);
    }
  }
  out += '}';
}

}  // namespace

std::string keys_text(const std::vector<std::string>& keys, bool json) {
  std::string out;
  for (const std::string& key : keys) {
    if (json) {
      out += "{\"key\":";
      append_json_string(out, key);
      out += "}\n";
    } else {
      out += printable(key) + '\n';
    }
  }
  return out;
}

std::string answer_text(const Answer& answer) {
  std::string out;
  Values told;
  for (const auto& [name, value] : answer.values) told.emplace_back(printable(name), printable(value));
  for (const auto& [id, fields] : answer.entries) {
    std::string text;
    for (const auto& [name, value] : fields) text += (text.empty() ? "" : "  ") + printable(name + "=" + value);
    told.emplace_back(printable(id), std::move(text));
  }
  size_t width = 0;
  for (const auto& [name, value] : told) width = std::max(width, columns_of(name));
  for (const auto& [name, value] : told) {
    out += name;
    if (!name.empty() && !value.empty()) out.append(width - columns_of(name) + 2, ' ');
    out += value + '\n';
  }
  return out;
}

std::string answer_json(const Answer& answer, const char* rate_name, std::optional<double> rate) {
  std::string out = "{\"key\":";
  append_json_string(out, answer.key);
  out += fmt::format(",\"type\":\"{}\",\"exact\":{}", kind_name(answer.kind), answer.exact);
  if (rate) out += fmt::format(",\"{}\":{:.1f}", rate_name, *rate);
  if (answer.kind == KeyKind::Text && !answer.values.empty()) {
    out += ",\"value\":";
    append_value(out, "", answer.values.front().second);
  } else if (answer.kind == KeyKind::Set || answer.kind == KeyKind::List) {
    out += ",\"members\":[";
    for (const auto& [member, nothing] : answer.values) {
      if (&member != &answer.values.front().first) out += ',';
      append_json_string(out, member);
    }
    out += ']';
  } else if (answer.kind == KeyKind::Hash || answer.kind == KeyKind::SortedSet) {
    out += answer.kind == KeyKind::Hash ? ",\"fields\":" : ",\"scores\":";
    append_fields(out, answer.values, answer.kind == KeyKind::SortedSet);
  } else if (answer.kind == KeyKind::Stream) {
    out += ",\"entries\":[";
    for (const auto& [id, fields] : answer.entries) {
      if (&id != &answer.entries.front().first) out += ',';
      out += "{\"id\":";
      append_json_string(out, id);
      out += ",\"fields\":";
      append_fields(out, fields, false);
      out += '}';
    }
    out += ']';
  }
  return out + "}\n";
}

std::string message_text(const std::string& channel, const std::string& message, bool json) {
  if (!json) return printable(channel) + "  " + printable(message) + "\n";
  std::string out = "{\"channel\":";
  append_json_string(out, channel);
  out += ",\"message\":";
  append_json_string(out, message);
  return out + "}\n";
}

}  // namespace microcloud
