#include "proxy/totals.h"

namespace tidegate {

namespace {

template <typename Counts>
void add_counts(Counts& to, const Counts& from) {
  for (size_t i = 0; i < from.size(); ++i) to[i] += from[i];
}

void add(ModelStats& to, const ModelStats& from) {
  to.arrived += from.arrived;
  to.retried += from.retried;
  to.outstanding += from.outstanding;
  to.held += from.held;
  add_counts(to.ended, from.ended);
  add_counts(to.latencies.counts, from.latencies.counts);
  to.latencies.sum_s += from.latencies.sum_s;
  const double reports = static_cast<double>(to.cost_reports + from.cost_reports);
  if (reports > 0)
    to.cost_rows = (to.cost_rows * static_cast<double>(to.cost_reports) +
                    from.cost_rows * static_cast<double>(from.cost_reports)) / reports;
  to.cost_reports += from.cost_reports;
}

// Of what backends report about themselves, the newest word counts.
void add(BackendStats& to, const BackendStats& from) {
  add_counts(to.ended, from.ended);
  to.connections += from.connections;
  to.connected += from.connected;
  to.reports += from.reports;
  const bool newer = from.reported_at_s > to.reported_at_s;
  if (newer) {
    to.reported_at_s = from.reported_at_s;
    to.utilization = from.utilization;
  }
  for (const auto& [model, rows_per_s] : from.capacity_rows_per_s) {
    bool there = false;
    for (const auto& known : to.capacity_rows_per_s) there |= known.first == model;
    if (newer || !there) to.observe_capacity(model, rows_per_s);
  }
}

}  // namespace

Totals total(const std::vector<WorkerStats>& workers) {
  Totals all;
  for (const WorkerStats& worker : workers) {
    all.requests += worker.requests;
    all.connections += worker.connections;
    all.accepted += worker.accepted;
    all.bytes_in_flight += worker.bytes_in_flight;
    for (const auto& [name, stats] : worker.models) add(all.models[name], stats);
    for (const auto& [address, stats] : worker.backends) add(all.backends[address], stats);
  }
  return all;
}

}  // namespace tidegate
