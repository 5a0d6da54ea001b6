// The lines of IMAP (RFC 3501, section 9; RFC 9051): commands, what servers say, and literals that lines go on behind.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace microcloud::imap_lines {

inline constexpr size_t kMostOfTag = 32;

enum class Does : uint8_t { Other, LogsIn, Authenticates, StartsTls, Compresses, Idles, LogsOut };

struct Command {
  std::string_view name;
  Does does = Does::Other;
  bool has_arguments = true;
};

bool is_tag(std::string_view word);
/// The command at the beginning of `text`, which goes on behind it; nullptr: there is none. UID FETCH is a FETCH.
const Command* take_command(std::string_view& text);
/// Of a whole line, behind its tag.
const Command* command_in(std::string_view line);

/// A tagged OK, NO or BAD.
bool is_result(std::string_view line);
/// "* OK", BYE and the like, whose text is for people.
bool is_state(std::string_view line);
/// What only servers say without a tag.
bool is_untagged(std::string_view line);
/// Of a line whose end has not come.
bool may_be_line(std::string_view line);

/// A line that goes on behind so many octets: {12} or {12+} at its end.
struct Literal {
  uint64_t octets;
  bool at_once;  // the client does not wait until the server wants them
};
std::optional<Literal> literal_at_end(std::string_view line);

/// The word or quoted string at the beginning; nothing where a literal stands.
std::optional<std::string> first_argument(std::string_view text);

}  // namespace microcloud::imap_lines
