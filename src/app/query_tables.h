// What microcloud query prints of many keys or probes: tables for people, JSON lines for scripts.
#pragma once

#include <string>
#include <vector>

#include "cloud/ranking.h"

namespace microcloud {

/// Of one answer, bytes in both directions; requests.
uint64_t bytes_of(const Answer& answer);
uint64_t requests_of(const Answer& answer);

/// Under one line with the names of the columns, one line a key. Names are cut so that lines have no more than
/// `columns`, but for a name's kLeastName; 0: as they are.
struct TableShape {
  static constexpr size_t kLeastName = 8;
  bool has_rates = false;
  size_t columns = 0;
};
using Rows = std::vector<Ranking::Row>;
std::string top_text(const Rows& rows, const TableShape& shape);
/// Services or URLs: requests, errors, and how long 50, 95 and 99 of 100 answers took at most.
std::string health_text(const Rows& rows, const TableShape& shape);
std::string top_json(const Rows& rows);
/// The histograms' buckets are told as quantiles.
std::string health_json(const Rows& rows);

std::string loss_text(const std::vector<ProbeFacts>& probes);
std::string loss_json(const std::vector<ProbeFacts>& probes);

}  // namespace microcloud
