#include "protocols/wire/text_lines.h"

#include <algorithm>
#include <utility>

#include "protocols/wire/text_words.h"

namespace microcloud {
namespace {

std::string_view without_end(std::string_view line) {
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

}  // namespace

TextLines::Item TextLines::next(Bytes& bytes) {
  if (given_) kept_.clear();
  given_ = false;
  if (octets_ != 0 && !bytes.empty()) {
    const Bytes taken = bytes.first(static_cast<size_t>(std::min<uint64_t>(octets_, bytes.size())));
    bytes = bytes.subspan(taken.size());
    octets_ -= taken.size();
    return {Item::Kind::Octets, text_of(taken)};
  }
  while (!bytes.empty()) {
    const std::string_view text = text_of(bytes);
    const size_t end = text.find('\n');
    const std::string_view part = text.substr(0, end);
    bytes = bytes.subspan(end == std::string_view::npos ? bytes.size() : end + 1);
    const bool begins = kept_.empty() && !cut_ && !looking_;
    if (end != std::string_view::npos && begins) {  // nothing to put together
      const std::string_view line = without_end(part);
      return {Item::Kind::Line, line.substr(0, kMostOfLine), line.size() > kMostOfLine};
    }
    if (!looking_) {
      const size_t room = kMostOfLine + 1 - kept_.size();  // its CR too
      kept_.append(part.substr(0, room));
      cut_ = cut_ || part.size() > room;
    }
    if (end == std::string_view::npos) break;
    if (std::exchange(looking_, false)) continue;
    given_ = true;
    std::string_view line = kept_;
    if (!cut_) line = without_end(line);
    const bool cut = std::exchange(cut_, false) || line.size() > kMostOfLine;
    return {Item::Kind::Line, line.substr(0, kMostOfLine), cut};
  }
  return {};
}

bool TextLines::lose(uint32_t octets) {
  if (octets <= octets_) {
    octets_ -= octets;
    return true;
  }
  lose_place();
  return false;
}

void TextLines::lose_place() {
  kept_.clear();
  octets_ = 0;
  given_ = cut_ = false;
  looking_ = true;
}

}  // namespace microcloud
