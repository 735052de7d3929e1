#include "proxy/stats.h"

#include <algorithm>

namespace tidegate {

Outcome outcome_of(Status status) {
  switch (static_cast<int>(status)) {
    case 0:
      return Outcome::succeeded;
    case 1:
      return Outcome::cancelled;
    case 3:   // INVALID_ARGUMENT
    case 5:   // NOT_FOUND
    case 6:   // ALREADY_EXISTS
    case 7:   // PERMISSION_DENIED
    case 9:   // FAILED_PRECONDITION
    case 11:  // OUT_OF_RANGE
    case 12:  // UNIMPLEMENTED
    case 16:  // UNAUTHENTICATED
      return Outcome::rejected;
    default:
      return Outcome::failed;
  }
}

void Latencies::observe(double s) {
  const auto bound = std::lower_bound(kBounds.begin(), kBounds.end(), s);
  ++counts[static_cast<size_t>(bound - kBounds.begin())];
  sum_s += s;
}

void ModelStats::observe_cost(double rows) {
  cost_reports = std::min<uint64_t>(cost_reports + 1, 100);
  if (cost_reports == 1) cost_rows = 0;
  cost_rows += (rows - cost_rows) / static_cast<double>(cost_reports);
}

void BackendStats::observe_capacity(const std::string& model, double rows_per_s) {
  for (auto& [name, value] : capacity_rows_per_s)
    if (name == model) {
      value = rows_per_s;
      return;
    }
  capacity_rows_per_s.emplace_back(model, rows_per_s);
}

}  // namespace tidegate
