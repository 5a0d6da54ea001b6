// Files with secrets in them: nobody else reads them, and nobody sees half of one.
#pragma once

#include <string>
#include <string_view>

namespace microcloud::node {

/// Replaces `file` at once, with mode 0600. Throws std::runtime_error.
void write_private_file(const std::string& file, std::string_view text);

/// With its parents, and with mode 0700. Throws std::runtime_error.
void make_private_folder(const std::string& folder);

}  // namespace microcloud::node
