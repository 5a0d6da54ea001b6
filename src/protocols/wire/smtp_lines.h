// The lines of SMTP (RFC 5321, section 4.1): commands, replies, and the addresses in commands.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace microcloud::smtp_lines {

enum class Does : uint8_t {
  Other,
  Greets,
  Mail,
  Recipient,
  Data,
  Content,
  Chunk,
  LastChunk,
  Auth,
  StartTls,
  Ends,
  Quits
};

struct Command {
  std::string_view verb;
  Does does = Does::Other;
};

/// nullptr: there is none.
const Command* command_in(std::string_view line);
/// Of a line whose end has not come.
bool may_be_command(std::string_view line);

struct Reply {
  uint16_t code = 0;
  bool last = true;  // of its lines
};
std::optional<Reply> reply_in(std::string_view line);

/// Behind the colon of MAIL FROM: and RCPT TO:, without brackets and parameters.
std::optional<std::string_view> address_in(std::string_view line);

}  // namespace microcloud::smtp_lines
