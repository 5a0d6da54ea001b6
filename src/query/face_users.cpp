#include "query/face_users.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace microcloud {
namespace {

constexpr size_t kDigestText = 2 * SHA256_DIGEST_LENGTH;

std::string digest_of(std::string_view password) {
  std::array<uint8_t, SHA256_DIGEST_LENGTH> digest;
  SHA256(static_cast<const unsigned char*>(static_cast<const void*>(password.data())), password.size(), digest.data());
  constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  for (const uint8_t byte : digest) {
    text += kHex[byte >> 4];
    text += kHex[byte & 15U];
  }
  return text;
}

bool is_digest(std::string_view text) {
  return text.size() == kDigestText && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool matches_any(const std::vector<resp::Glob>& patterns, std::string_view text) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [text](const resp::Glob& pattern) { return pattern.matches(text); });
}

}  // namespace

void FaceUsers::User::allow_channels(const std::string& pattern) {
  channels.emplace_back(pattern);
  channel_patterns.push_back(pattern);
}

FaceUsers::User FaceUsers::parse(const std::string& line) {
  std::istringstream words(line);
  std::string word;
  User user;
  if (!(words >> word) || word != "user" || !(words >> user.name))
    throw std::invalid_argument("a line begins with: user NAME");
  user.line = digest_of(line);
  while (words >> word) {
    if (word == "on" || word == "off") {
      user.on = word == "on";
    } else if (word.size() > 1 && word.front() == '>') {
      user.digests.push_back(digest_of(std::string_view(word).substr(1)));
    } else if (word.front() == '#' && is_digest(std::string_view(word).substr(1))) {
      user.digests.push_back(word.substr(1));
    } else if (word.starts_with("%R~")) {
      user.keys.emplace_back(word.substr(3));
    } else if (word.front() == '~') {
      user.keys.emplace_back(word.substr(1));
    } else if (word.front() == '&') {
      user.allow_channels(word.substr(1));
    } else if (word == "allkeys") {
      user.keys.emplace_back("*");
    } else if (word == "allchannels") {
      user.allow_channels("*");
    } else if (word != "+@all" && word != "+@read") {
      throw std::invalid_argument("'" + word.substr(0, 1) + "...' is not understood; accepted: on, off, >PASSWORD, " +
                                  "#SHA256, ~PATTERN, %R~PATTERN, allkeys, &PATTERN, allchannels, +@all, +@read");
    }
  }
  if (user.on && user.digests.empty()) throw std::invalid_argument("user " + user.name + " has no password");
  return user;
}

FaceUsers FaceUsers::read(const std::string& file) {
  std::ifstream input(file);
  struct stat about {};
  if (!input || ::stat(file.c_str(), &about) != 0) throw std::runtime_error(file + " cannot be read");
  if ((about.st_mode & 077) != 0)
    throw std::runtime_error(file + " can be read by others than its owner; accepted: mode 0600");
  FaceUsers users;
  std::string line;
  for (unsigned number = 1; std::getline(input, line); ++number) {
    const size_t begin = line.find_first_not_of(" \t\r");
    if (begin == std::string::npos || line[begin] == '#') continue;
    try {
      User user = parse(line);
      if (users.find(user.name) != nullptr) throw std::invalid_argument("user " + user.name + " stands there twice");
      users.users_.push_back(std::move(user));
    } catch (const std::invalid_argument& error) {
      throw std::runtime_error(file + ":" + std::to_string(number) + ": " + error.what());
    }
  }
  if (users.users_.empty())
    throw std::runtime_error(file + " names no user; a line is: user NAME on >PASSWORD allkeys");
  return users;
}

const FaceUsers::User* FaceUsers::find(std::string_view name) const {
  const auto found = std::find_if(users_.begin(), users_.end(), [name](const User& user) { return user.name == name; });
  return found == users_.end() ? nullptr : &*found;
}

bool FaceUsers::authenticate(std::string_view name, std::string_view password) const {
  const User* user = find(name);
  const std::string digest = digest_of(password);
  bool known = false;
  if (user == nullptr) return false;
  for (const std::string& one : user->digests) known |= CRYPTO_memcmp(one.data(), digest.data(), kDigestText) == 0;
  return known && user->on;
}

bool FaceUsers::same(const FaceUsers& other, std::string_view name) const {
  const User *mine = find(name), *its = other.find(name);
  return mine != nullptr && its != nullptr && mine->line == its->line;
}

bool FaceUsers::may_read(std::string_view name, std::string_view key) const {
  const User* user = find(name);
  return user != nullptr && matches_any(user->keys, key);
}

bool FaceUsers::may_subscribe(std::string_view name, std::string_view channel) const {
  const User* user = find(name);
  return user != nullptr && matches_any(user->channels, channel);
}

bool FaceUsers::may_subscribe_pattern(std::string_view name, std::string_view pattern) const {
  const User* user = find(name);
  if (user == nullptr) return false;
  return std::any_of(user->channel_patterns.begin(), user->channel_patterns.end(),
                     [pattern](const std::string& allowed) { return allowed == "*" || allowed == pattern; });
}

}  // namespace microcloud
