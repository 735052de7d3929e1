// The router's data plane: worker threads that carry requests, driven by policies, read by counts and events.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "proxy/worker.h"

namespace tidegate {

struct DataPlaneOptions {
  std::string listen = "127.0.0.1:0";
  uint32_t threads = 1;
  int backlog = 4096;
  uint64_t seed = 0;  // of the tie breaks; 0: from the system
  Limits client_limits;
  Limits upstream_limits = default_upstream_limits();

  static Limits default_upstream_limits();
};

struct BackendState {
  std::string address;
  uint32_t outstanding = 0;
  double success = 1;     // recent share, exponentially weighted
  double cost_factor = 1; // of one more request there, in the balancer's eyes
  bool ejected = false;
};

class DataPlane {
 public:
  // Listens, and serves from start() on. Throws std::system_error, std::runtime_error.
  explicit DataPlane(DataPlaneOptions options);
  ~DataPlane();

  std::string address() const { return address_; }
  void start();

  // Makes the policy the one that all workers follow, and returns its version. When it returns, no worker sends anything
  // by an earlier one: a drain is acknowledged by that. Throws std::runtime_error (an address that can't be resolved).
  uint64_t apply(PolicySpec spec);

  // One copy per worker.
  std::vector<WorkerStats> stats();
  // Arrivals by second and model, of whole seconds in [from, to) of the last minute. Every known model has a value.
  std::unordered_map<int64_t, std::unordered_map<std::string, uint64_t>> demand(int64_t from, int64_t to);
  std::vector<BackendState> backends();
  uint32_t held() const { return shared_.held.requests.load(std::memory_order_relaxed); }
  uint64_t held_bytes() const { return shared_.held.bytes.load(std::memory_order_relaxed); }
  double retry_tokens() const { return shared_.retries.tokens(); }

  // Readable when there are events; events() takes them and makes it unreadable again.
  int event_fd() const { return event_fd_.get(); }
  std::vector<Event> events();
  uint64_t events_lost() const { return events_lost_; }

  // No new connections, GOAWAY to clients, what is held is refused; what is in flight goes on.
  void drain();
  // Clients still connected.
  size_t clients();
  // Ends everything and joins the threads.
  void stop();

 private:
  void everywhere(const std::function<void(Worker&, size_t)>& task);
  std::shared_ptr<Backend> backend(const std::string& address);
  std::shared_ptr<Policy> compile(PolicySpec spec, Nanos now);
  void report(Event event);

  DataPlaneOptions options_;
  Shared shared_;
  Fd event_fd_;
  std::unique_ptr<Outliers> outliers_;
  std::string address_;
  std::mutex mutex_;  // one caller at a time
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;
  bool running_ = false;
  std::shared_ptr<const Policy> policy_;
  std::unordered_map<std::string, std::weak_ptr<Backend>> known_;
  std::mutex slots_mutex_;
  std::unordered_map<Slot, std::string> by_slot_;
  std::mutex events_mutex_;
  std::vector<Event> events_;
  uint64_t events_lost_ = 0;
};

}  // namespace tidegate
