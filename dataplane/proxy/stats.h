// What a worker counts. Each worker has its own and nobody else touches them; Python asks the worker for a copy.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cmath>
#include <limits>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "grpc/protocol.h"

namespace tidegate {

enum class Outcome : uint8_t {
  succeeded,
  failed,     // answered by an error that is not the client's
  rejected,   // answered by an error that is the client's
  refused,    // not sent to any backend: hold full, deadline, no such model
  cancelled,  // the client went away
};
constexpr size_t kOutcomes = 5;

// How an answer with this status is counted.
Outcome outcome_of(Status status);

// Time from arrival to answer. Upper bounds in seconds; the last bucket is beyond them all.
struct Latencies {
  static constexpr std::array<double, 15> kBounds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                                  0.5,   1.0,    2.5,   5.0,  10.0,  30.0, 60.0};
  std::array<uint64_t, kBounds.size() + 1> counts{};
  double sum_s = 0;
  void observe(double s);
};

// Arrivals by second, for long enough that a reader who comes every few seconds misses none.
class DemandRing {
 public:
  static constexpr int64_t kSeconds = 64;
  void arrive(int64_t second, uint32_t count) {
    Cell& cell = cells_[static_cast<size_t>(second % kSeconds)];
    if (cell.second != second) cell = {second, 0};
    cell.count += count;
  }
  uint64_t at(int64_t second) const {
    const Cell& cell = cells_[static_cast<size_t>(second % kSeconds)];
    return cell.second == second ? cell.count : 0;
  }

 private:
  struct Cell {
    int64_t second = -1;
    uint64_t count = 0;
  };
  std::array<Cell, kSeconds> cells_{};
};

struct ModelStats {
  uint64_t arrived = 0;
  uint64_t retried = 0;
  std::array<uint64_t, kOutcomes> ended{};
  int64_t outstanding = 0;
  int64_t held = 0;
  Latencies latencies;
  // Cost in rows of a request: each new one weighs 1/100 (the first ones evenly).
  uint64_t cost_reports = 0;
  double cost_rows = 1;
  void observe_cost(double rows);
};

struct BackendStats {
  std::array<uint64_t, kOutcomes> ended{};
  uint64_t connections = 0;  // open now
  uint64_t connected = 0;    // ever
  uint64_t reports = 0;      // load reports; the newest counts
  double reported_at_s = 0;  // epoch
  double utilization = 0;
  std::vector<std::pair<std::string, double>> capacity_rows_per_s;  // by model
  void observe_capacity(const std::string& model, double rows_per_s);
};

struct WorkerStats {
  uint64_t requests = 0;             // streams of any kind
  uint64_t connections = 0;          // of clients, now
  uint64_t accepted = 0;
  uint64_t bytes_in_flight = 0;      // body bytes kept by exchanges
  std::vector<std::pair<std::string, ModelStats>> models;
  std::vector<std::pair<std::string, BackendStats>> backends;
};

// Something that Python should know now, not at the next look.
struct Event {
  enum class Kind : uint8_t { connected, connection_lost, connect_failed, ejected, recovered };
  Kind kind;
  std::string backend;
  std::string detail;
};

}  // namespace tidegate
