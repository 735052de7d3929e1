// One thread: its loop, its clients, its connections to the backends, and its counts.
#pragma once

#include <atomic>
#include <climits>
#include <condition_variable>
#include <functional>
#include <memory>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "engine/connection.h"
#include "engine/listener.h"
#include "engine/loop.h"
#include "proxy/exchange.h"
#include "proxy/hold.h"
#include "proxy/outliers.h"
#include "proxy/policy.h"
#include "proxy/retry.h"
#include "proxy/stats.h"
#include "proxy/upstream.h"

namespace tidegate {

// What all workers share. Everything in it is thread-safe.
struct Shared {
  Scoreboard board;
  HoldTotals held;
  RetryBudget retries;
  Outliers* outliers = nullptr;
  Limits client_limits;
  Limits upstream_limits;
  int client_fds = INT_MAX;  // clients' descriptors stay below this number: those above are for connections to backends
  std::function<void(Event)> report;
};

struct ModelRecord {
  std::string label;
  ModelStats stats;
  DemandRing demand;
  const ModelEntry* entry = nullptr;
  bool other = false;  // stands for all names beyond the limit
  Nanos releasing_since = 0;  // when those that wait first met a ready backend; 0: none did
};

class Worker final : public ConnectionOwner {
 public:
  Worker(Shared& shared, uint64_t seed);
  ~Worker();

  // Before the thread starts, or in it.
  void listen(Fd socket);
  // A client's connection.
  void accept(Fd fd);
  void follow(std::shared_ptr<const Policy> policy);
  // The worker that keeps time for what is shared.
  void keep_time();

  void run() { loop_.run(); }
  // In its thread: accept nothing more, refuse what waits, let the rest end.
  void drain();
  // In its thread: end everything now.
  void stop();

  // For exchanges.
  Loop& loop() { return loop_; }
  Shared& shared() { return shared_; }
  const Policy& policy() const { return *policy_; }
  const Limits& upstream_limits() const { return shared_.upstream_limits; }
  WaitingRoom& room() { return room_; }
  WorkerStats& counts() { return counts_; }
  bool draining() const { return draining_; }
  ModelRecord& model(std::string_view name);
  Upstream& upstream(Slot slot) { return *upstreams_[slot]; }
  Upstream* local() { return local_.get(); }
  uint32_t random(uint32_t below);
  void report(Event event) { shared_.report(std::move(event)); }
  void recycle(Exchange& exchange);
  // A backend has got room for what waits, or may have (leases come back to other workers too): who waits is asked soon.
  void release_later();
  HeaderViews& scratch() {
    scratch_.clear();
    return scratch_;
  }

  // Copies, for Python.
  WorkerStats stats() const;
  void demand(int64_t from, int64_t to, std::unordered_map<int64_t, std::unordered_map<std::string, uint64_t>>& sums) const;
  size_t clients() const { return clients_.size(); }

  StreamHandler& on_stream(Stream& stream) override;
  void on_closed(Connection& connection, const char* why) override;

 private:
  void release();
  void follow_backends();
  void follow_models();
  ModelRecord& add_model(std::string label);

  Shared& shared_;
  Loop loop_;
  std::shared_ptr<const Policy> policy_ = std::make_shared<Policy>();
  std::unique_ptr<Listener> listener_;
  std::unordered_map<Connection*, std::unique_ptr<Connection>> clients_;
  std::vector<std::unique_ptr<Upstream>> upstreams_;  // by slot
  std::vector<std::unique_ptr<Upstream>> leaving_;    // no longer in the policy
  std::unique_ptr<Upstream> local_;
  std::unordered_map<std::string_view, std::unique_ptr<ModelRecord>> models_;
  ModelRecord* last_model_ = nullptr;
  ModelRecord* other_ = nullptr;
  uint32_t asked_models_ = 0;
  WaitingRoom room_;
  WorkerStats counts_;
  std::vector<std::unique_ptr<Exchange>> free_;
  HeaderViews scratch_;
  uint64_t random_;
  Timer tick_;
  Timer release_;
  bool draining_ = false;
};

}  // namespace tidegate
