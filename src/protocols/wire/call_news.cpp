#include "protocols/wire/call_news.h"

#include <charconv>
#include <vector>

namespace microcloud {
namespace {

constexpr std::string_view kSame = "\"";  // formats: as of the one before
constexpr std::string_view kSdp = "sdp", kSipSource = "sipsource";
constexpr uint32_t kLingerS = 60;  // of a closed endpoint: for late packets, and who has not asked yet

constexpr TreeText kTexts[] = {
    {kCallPattern, "state", "calling, ringing, answered; then completed, cancelled, failed, timeout"},
    {kCallPattern, "from", "URI in From"},
    {kCallPattern, "to", "URI in To"},
    {kCallPattern, "start", "INVITE, ms since 1970"},
    {kCallPattern, "answer", "2xx to the INVITE, ms since 1970; 0: not yet"},
    {kCallPattern, "end", "BYE, CANCEL or final failure, ms since 1970; 0: not yet"},
    {kCallPattern, "status", "the INVITE's final one; 0: not yet"},
    {kCallPattern, "probe", "that saw the signalling"},
    {kEndpointPattern, "call", "Call-ID of the newest call that wants media there"},
    {kEndpointPattern, "probe", "that saw the signalling"},
    {kEndpointPattern, "match",
     "sdp: as the session description says; sipsource: its port, at the address it came from"},
    {kEndpointPattern, "formats", "payload types that mean something else than usual: 96=OPUS/48000,..."},
    {kEndpointPattern, "since", "the call's INVITE, ms since 1970"},
    {kEndpointPattern, "end", "the call's end, ms since 1970; 0: not yet"},
};

int64_t number_of(std::string_view text) {
  int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// Takes the first word.
std::string_view next_word(std::string_view& text) {
  const std::string_view word = text.substr(0, text.find(' '));
  text.remove_prefix(std::min(text.size(), word.size() + 1));
  return word;
}

void leave_call(const CallNews& news, const CallNewsFrom& from, TreeNotes& notes) {
  std::vector<std::pair<std::string_view, std::string>> said;
  said.emplace_back("state", news.state);
  said.emplace_back("probe", from.probe);
  if (news.names_parties) {
    said.emplace_back("from", from.from);
    said.emplace_back("to", from.to);
  }
  said.emplace_back("start", std::to_string(news.start.value));
  // Also what is not known: a call that failed may go on, with credentials.
  said.emplace_back("answer", std::to_string(news.answer.value_or(Milliseconds()).value));
  said.emplace_back("end", std::to_string(news.end.value_or(Milliseconds()).value));
  said.emplace_back("status", std::to_string(news.status.value_or(0)));
  std::vector<TreeNotes::Text> texts;
  for (const auto& [field, value] : said) texts.push_back({field, value});
  notes.leave(kCallTree, from.call_id, texts);
}

}  // namespace

std::span<const TreeText> call_news_texts() {
  return kTexts;
}

std::string endpoint_name(const SdpAddress& at) {
  return to_text(at.address) + ':' + std::to_string(at.port);
}

bool CallNews::add(const SdpAddress& at, bool of_sip_source, const RtpFormats& formats) {
  const std::string name = endpoint_name(at) + ' ' + std::string(of_sip_source ? kSipSource : kSdp) + ' ';
  const std::string text = text_of(formats);
  for (size_t before = endpoints.size(); before > 0 && !text.empty(); --before) {
    const std::string_view last = endpoints[before - 1];
    if (last.ends_with(kSame)) continue;
    if (last.substr(last.rfind(' ') + 1) == text) return endpoints.push(name + std::string(kSame));
    break;
  }
  return endpoints.push(name + text) || endpoints.push(name);
}

void leave(const CallNews& news, const CallNewsFrom& from, TreeNotes& notes) {
  if (from.call_id.empty()) return;
  if (!news.state.empty()) leave_call(news, from, notes);
  const std::string since = std::to_string(news.start.value);
  const std::string end = std::to_string(news.end.value_or(news.start).value);
  std::string_view formats;
  for (size_t at = 0; at < news.endpoints.size(); ++at) {
    std::string_view rest = news.endpoints[at];
    const std::string_view name = next_word(rest), match = next_word(rest);
    if (rest != kSame) formats = rest;
    if (news.ended) {
      notes.close(kEndpointTree, name, {"call", from.call_id}, {"end", end}, kLingerS);
      continue;
    }
    const TreeNotes::Text texts[] = {{"call", from.call_id}, {"probe", from.probe}, {"match", match},
                                     {"formats", formats},   {"since", since},      {"end", "0"}};
    notes.leave(kEndpointTree, name, texts);
  }
}

EndpointElsewhere endpoint_elsewhere(HashTexts fields, size_t most_formats) {
  EndpointElsewhere said;
  for (const auto& [field, value] : fields) {
    if (field == "call") said.call = value;
    if (field == "match") said.of_sip_source = value == kSipSource;
    if (field == "formats") said.formats = rtp_formats_of(value, most_formats);
    if (field == "since") said.since_ms = number_of(value);
    if (field == "end") said.end_ms = number_of(value);
  }
  return said;
}

}  // namespace microcloud
