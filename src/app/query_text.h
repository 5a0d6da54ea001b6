// What microcloud query prints of keys and messages: text for people, one line each whatever they hold, and JSON lines
// for scripts.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cloud/merged_view.h"

namespace microcloud {

std::string keys_text(const std::vector<std::string>& keys, bool json);
std::string answer_text(const Answer& answer);
/// `rate`: under this name, where there is one.
std::string answer_json(const Answer& answer, const char* rate_name = "", std::optional<double> rate = {});
std::string message_text(const std::string& channel, const std::string& message, bool json);

}  // namespace microcloud
