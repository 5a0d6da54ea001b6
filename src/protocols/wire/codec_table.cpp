#include "protocols/wire/codec_table.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <set>
#include <stdexcept>
#include <tuple>
#include <vector>

#include "protocols/wire/rtp_profile.h"

namespace microcloud {
namespace {

constexpr double kMostIe = 95;  // more would be below silence
constexpr size_t kMostOfName = std::tuple_size_v<decltype(decltype(RtpFormat::codec)::bytes)>;
constexpr size_t kMostCodecs = 1000;

std::vector<std::string_view> words_of(std::string_view line) {
  constexpr std::string_view kBlank = " \t\r";
  std::vector<std::string_view> words;
  line = line.substr(0, line.find('#'));
  for (size_t at = line.find_first_not_of(kBlank); at != std::string_view::npos;
       at = line.find_first_not_of(kBlank, at)) {
    const size_t end = std::min(line.find_first_of(kBlank, at), line.size());
    words.push_back(line.substr(at, end - at));
    at = end;
  }
  return words;
}

std::string in_capitals(std::string_view text) {
  std::string capitals(text);
  for (char& letter : capitals) {
    if (letter >= 'a' && letter <= 'z') letter = static_cast<char>(letter - 'a' + 'A');
  }
  return capitals;
}

/// Nothing: no number, or none within.
std::optional<double> number_of(std::string_view text, double least, double most) {
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [behind, error] = std::from_chars(text.data(), end, value, std::chars_format::fixed);
  if (error != std::errc() || behind != end || !(value >= least && value <= most)) return std::nullopt;
  return value;
}

}  // namespace

CodecTable::CodecTable()
    : known_{{"PCMU", kG711WithConcealment},
             {"PCMA", kG711WithConcealment},
             {"G729", {11, 19.0}},
             {"G723", {15, 16.1}},
             {"GSM-EFR", {5, 10.0}}} {}

void CodecTable::read(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error(path + ": " + std::strerror(errno));
  std::string line;
  std::set<std::string> said;
  for (size_t number = 1; std::getline(file, line); ++number) {
    const auto refuse = [&](const std::string& why) {
      throw std::runtime_error(path + ':' + std::to_string(number) + ": " + why);
    };
    const std::vector<std::string_view> words = words_of(line);
    if (words.empty()) continue;
    if (words.size() != 3) refuse("not of the form NAME IE BPL, as PCMU 0 25.1");
    const std::string name = in_capitals(words[0]);
    if (name.size() > kMostOfName)
      refuse("the name '" + name + "' is too long (accepted: " + std::to_string(kMostOfName) + " characters)");
    const auto ie = number_of(words[1], 0, kMostIe);
    if (!ie) refuse("Ie '" + std::string(words[1]) + "' is no number from 0 to 95");
    const auto bpl = number_of(words[2], 0.1, 1000);
    if (!bpl) refuse("Bpl '" + std::string(words[2]) + "' is no number from 0.1 to 1000");
    if (!said.insert(name).second) refuse("'" + name + "' stands in the file twice");
    if (said.size() > kMostCodecs) refuse("too many codecs (accepted: " + std::to_string(kMostCodecs) + ")");
    known_.insert_or_assign(name, CodecImpairment{*ie, *bpl});
  }
  if (file.bad() || !file.eof()) throw std::runtime_error(path + ": " + std::strerror(errno));
}

}  // namespace microcloud
