// What microcloud query prints: tables for people, JSON lines for scripts.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cloud/merged_view.h"

namespace microcloud {

/// Bytes, or requests, of keys at an earlier look, and how long ago that was: of them come rates.
struct Before {
  std::map<std::string, uint64_t> sums;
  double seconds = 0;  // 0: there was none
};

std::string keys_text(const std::vector<std::string>& keys, bool json);
std::string answer_text(const Answer& answer);
/// `rate`: bytes a second since the look before, where there was one.
std::string answer_json(const Answer& answer);
std::string top_text(const std::vector<Answer>& answers, const Before& before);
/// Of one answer, bytes in both directions.
uint64_t bytes_of(const Answer& answer);
/// Services or URLs: requests, errors, and how long 50, 95 and 99 of 100 answers took at most.
std::string health_text(const std::vector<Answer>& answers, const Before& before);
/// The histograms' buckets are told as quantiles.
std::string health_json(const Answer& answer);
uint64_t requests_of(const Answer& answer);
std::string loss_text(const std::vector<ProbeFacts>& probes);
std::string loss_json(const std::vector<ProbeFacts>& probes);
std::string message_text(const std::string& channel, const std::string& message, bool json);

}  // namespace microcloud
