#include "proxy/data_plane.h"

#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <climits>
#include <random>
#include <unordered_set>

#include "engine/check.h"

namespace tidegate {

namespace {

constexpr size_t kMostEvents = 10'000;  // that wait for Python; later ones are counted as lost

DataPlaneOptions validated(DataPlaneOptions options) {
  validate(options.client_limits, "client_limits");
  validate(options.upstream_limits, "upstream_limits");
  check_range("threads", options.threads, 1u, 1024u);
  return options;
}

// A quarter of the files that may be open, 1024 at most, is kept from clients: else they could shut the backends out.
int descriptors_for_clients() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur > INT_MAX) return INT_MAX;
  const auto most = static_cast<int>(files.rlim_cur);
  return most - std::min(most / 4, 1024);
}

Nanos monotonic_now() {
  timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * kSecond + at.tv_nsec;
}

}  // namespace

// Backends are ours: they are not abusers, and a request may take as long as its deadline says. Pings to them are rare,
// because a gRPC server counts pings more often than every 5 minutes as abuse (gRFC A8).
Limits DataPlaneOptions::default_upstream_limits() {
  Limits limits;
  limits.handshake_s = 5;
  limits.keepalive_s = 310;
  limits.idle_s = 1e9;
  limits.max_header_bytes = 64 * 1024;
  limits.connection_window_bytes = 16 * 1024 * 1024;
  limits.connection_buffer_bytes = 512 * 1024 * 1024;
  return limits;
}

DataPlane::DataPlane(DataPlaneOptions options)
    : options_(validated(std::move(options))), event_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  outliers_ = std::make_unique<Outliers>(shared_.board, [this](Slot slot, Health health, const char* reason) {
    std::string address;
    {
      std::lock_guard<std::mutex> lock(slots_mutex_);
      address = by_slot_[slot];
    }
    report({health == Health::ejected ? Event::Kind::ejected : Event::Kind::recovered, address, reason});
  });
  shared_.outliers = outliers_.get();
  shared_.client_limits = options_.client_limits;
  shared_.upstream_limits = options_.upstream_limits;
  shared_.client_fds = descriptors_for_clients();
  shared_.report = [this](Event event) { report(std::move(event)); };
  Address address = Address::resolve(options_.listen);
  const bool shared = options_.threads > 1;
  // Alone first: with SO_REUSEPORT at once we would share the port with a stranger who listens there already.
  if (shared) address = local_address(listen_on(address, options_.backlog));
  uint64_t seed = options_.seed != 0 ? options_.seed : std::random_device()();
  for (uint32_t i = 0; i < options_.threads; ++i) {
    workers_.push_back(std::make_unique<Worker>(shared_, seed + i * 0x9E3779B97F4A7C15ull));
    Fd socket = listen_on(address, options_.backlog, shared);
    if (i == 0) {
      address = local_address(socket);  // port 0 was chosen: the others share it
      address_ = address.text();
    }
    workers_.back()->listen(std::move(socket));
  }
  apply(PolicySpec());
}

DataPlane::~DataPlane() { stop(); }

void DataPlane::start() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (running_) return;
  running_ = true;
  workers_.front()->keep_time();
  for (auto& worker : workers_) threads_.emplace_back([&worker] { worker->run(); });
}

void DataPlane::stop() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!running_) return;
  everywhere([](Worker& worker, size_t) { worker.stop(); });
  for (auto& thread : threads_) thread.join();
  threads_.clear();
  running_ = false;
}

// Runs the task in every worker's thread, and waits until all have.
void DataPlane::everywhere(const std::function<void(Worker&, size_t)>& task) {
  if (!running_) {
    for (size_t i = 0; i < workers_.size(); ++i) task(*workers_[i], i);
    return;
  }
  std::mutex mutex;
  std::condition_variable done;
  size_t left = workers_.size();
  for (size_t i = 0; i < workers_.size(); ++i)
    workers_[i]->loop().post([&, i] {
      task(*workers_[i], i);
      std::lock_guard<std::mutex> lock(mutex);
      if (--left == 0) done.notify_one();
    });
  std::unique_lock<std::mutex> lock(mutex);
  done.wait(lock, [&] { return left == 0; });
}

std::shared_ptr<Backend> DataPlane::backend(const std::string& address) {
  if (auto known = known_[address].lock()) return known;
  auto fresh = std::make_shared<Backend>(address, shared_.board);
  known_[address] = fresh;
  std::lock_guard<std::mutex> lock(slots_mutex_);
  by_slot_[fresh->slot] = address;
  return fresh;
}

std::shared_ptr<Policy> DataPlane::compile(PolicySpec spec, Nanos now) {
  auto policy = std::make_shared<Policy>();
  policy->version = policy_ ? policy_->version + 1 : 1;
  policy->routes = Routes(spec.routes);
  if (!spec.local_address.empty()) policy->local = backend(spec.local_address);
  for (const ModelSpec& model : spec.models) {
    ModelEntry& entry = policy->models[model.name];
    entry.known = true;
    if (model.eta_s) entry.ready_at = now + seconds(*model.eta_s);
  }
  for (const BackendSpec& one : spec.backends)
    for (const std::string& model : one.models)
      if (one.ready) policy->models[model].known = true;
  std::unordered_set<std::string> seen;
  std::unordered_map<std::string, std::vector<Slot>> having;
  std::vector<Slot> having_all;
  for (const BackendSpec& one : spec.backends) {
    if (!seen.insert(one.address).second) continue;
    auto shared = backend(one.address);
    policy->backends.push_back(shared);
    if (!one.ready) continue;
    if (one.all_models) having_all.push_back(shared->slot);
    for (const std::string& model : one.models)
      if (!one.all_models) having[model].push_back(shared->slot);
  }
  for (auto& [name, entry] : policy->models) {
    std::vector<Slot>& slots = having[name];
    slots.insert(slots.end(), having_all.begin(), having_all.end());
    entry.candidates = Candidates(std::move(slots));
  }
  policy->any_model.known = !having_all.empty();
  policy->any_model.candidates = Candidates(std::move(having_all));
  policy->spec = std::move(spec);
  return policy;
}

uint64_t DataPlane::apply(PolicySpec spec) {
  validate(spec);
  std::lock_guard<std::mutex> lock(mutex_);
  const Nanos now = monotonic_now();
  std::shared_ptr<const Policy> policy = compile(std::move(spec), now);
  outliers_->configure(policy->spec.outliers);
  shared_.retries.configure(policy->spec.retry.max_tokens, policy->spec.retry.token_ratio);
  std::unordered_set<std::string> ready;
  for (const BackendSpec& one : policy->spec.backends)
    if (one.ready && ready.insert(one.address).second)
      outliers_->ready(backend(one.address)->health, one.weight, one.slow_start_s, now);
  const std::shared_ptr<const Policy> before = policy_;
  policy_ = policy;
  everywhere([&](Worker& worker, size_t) { worker.follow(policy); });
  if (before) {
    for (const auto& one : before->backends)
      if (ready.count(one->address) == 0) outliers_->not_ready(one->health);
  }
  for (auto it = known_.begin(); it != known_.end();) it = it->second.expired() ? known_.erase(it) : std::next(it);
  return policy->version;
}

std::vector<WorkerStats> DataPlane::stats() {
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<WorkerStats> all(workers_.size());
  everywhere([&](Worker& worker, size_t i) { all[i] = worker.stats(); });
  return all;
}

std::unordered_map<int64_t, std::unordered_map<std::string, uint64_t>> DataPlane::demand(int64_t from, int64_t to) {
  std::lock_guard<std::mutex> lock(mutex_);
  std::unordered_map<int64_t, std::unordered_map<std::string, uint64_t>> sums;
  from = std::max(from, to - DemandRing::kSeconds + 2);
  std::mutex adding;
  everywhere([&](Worker& worker, size_t) {
    std::lock_guard<std::mutex> one_at_a_time(adding);
    worker.demand(from, to, sums);
  });
  return sums;
}

std::vector<BackendState> DataPlane::backends() {
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<BackendState> states;
  for (const auto& [address, weak] : known_) {
    const auto one = weak.lock();
    if (!one || (policy_->local && one == policy_->local)) continue;
    const double cost = static_cast<double>(shared_.board.cost(one->slot)) / Scoreboard::kUnit;
    states.push_back({address, shared_.board.outstanding(one->slot), outliers_->success(one->health), cost,
                      outliers_->ejected(one->health)});
  }
  return states;
}

void DataPlane::report(Event event) {
  {
    std::lock_guard<std::mutex> lock(events_mutex_);
    if (events_.size() >= kMostEvents) {
      ++events_lost_;
      return;
    }
    events_.push_back(std::move(event));
  }
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(event_fd_.get(), &one, sizeof one);
}

std::vector<Event> DataPlane::events() {
  uint64_t count;
  [[maybe_unused]] const ssize_t got = read(event_fd_.get(), &count, sizeof count);
  std::lock_guard<std::mutex> lock(events_mutex_);
  std::vector<Event> taken;
  taken.swap(events_);
  return taken;
}

void DataPlane::drain() {
  std::lock_guard<std::mutex> lock(mutex_);
  everywhere([](Worker& worker, size_t) { worker.drain(); });
}

size_t DataPlane::clients() {
  std::lock_guard<std::mutex> lock(mutex_);
  std::atomic<size_t> sum{0};
  everywhere([&](Worker& worker, size_t) { sum += worker.clients(); });
  return sum;
}

}  // namespace tidegate
