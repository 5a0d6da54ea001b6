// One key's update as a run of bytes, for where memory has no room for it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cloud/merge_buffer.h"

namespace microcloud {

/// Names of numbers by small numbers: they live as long as the program, so that reading back gives the very same ones.
class FieldNames {
 public:
  /// VLANs (4,096 times 6 names) and histograms' buckets have the most.
  static constexpr size_t kMost = 65'536;
  explicit FieldNames(HashSeed seed) : numbers_(0, TextHash{seed}) {}

  /// Nothing: there are too many.
  std::optional<size_t> number_of(std::string_view name);
  /// Nothing: there is no such one.
  std::optional<std::string_view> name_of(size_t number) const;

 private:
  std::vector<std::string_view> names_;
  std::unordered_map<std::string_view, size_t, TextHash, std::equal_to<>> numbers_;
};

/// What KeyUpdate has, read back. Texts point into the bytes that were read, names of numbers as they ever did.
struct SpilledUpdate {
  std::string_view key;
  std::vector<KeyUpdate::Number> numbers;
  std::vector<std::pair<std::string_view, std::string_view>> texts;  // fields and values
  std::vector<std::pair<std::string_view, KeyUpdate::Sum>> members;
  SeenTimes times;
  bool begins = false;
  bool refreshes = false;
  bool trims = false;
  std::string_view refreshes_unless;
  std::optional<KeyUpdate::Ending> ending;
  uint64_t increments = 0;  // KeyUpdate::increments
  int64_t since_ms = 0;
  int64_t packet_us = 0;
};

/// False: it has a name too many, and nothing was appended.
bool append_update(std::string& bytes, const KeyUpdate& update, FieldNames& names);
/// Takes the first one from the front of `bytes`. False: that is none.
bool read_update(std::string_view& bytes, const FieldNames& names, SpilledUpdate& update);

}  // namespace microcloud
