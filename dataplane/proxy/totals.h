// Counts of all workers put together.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "proxy/stats.h"

namespace tidegate {

struct Totals {
  uint64_t requests = 0;
  uint64_t connections = 0;
  uint64_t accepted = 0;
  uint64_t bytes_in_flight = 0;
  std::map<std::string, ModelStats> models;
  std::map<std::string, BackendStats> backends;
};

Totals total(const std::vector<WorkerStats>& workers);

}  // namespace tidegate
