#include "proxy/outliers.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace tidegate {

namespace {

constexpr double kLearn = 0.1;          // weight of one answer in the success share
constexpr double kCoolest = 0.05;       // smallest share of full weight: a cold backend still gets its first requests
constexpr double kWorst = 0.02;         // failing makes 50 times dearer at most
constexpr uint32_t kMaxBackOff = 16;

}  // namespace

void Outliers::configure(const OutlierSettings& settings) {
  std::lock_guard<std::mutex> lock(mutex_);
  settings_ = settings;
}

void Outliers::ready(BackendHealth& backend, double weight, double warm_s, Nanos now) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!backend.in_use_) {
    backend.in_use_ = true;
    backend.warm_since_ = now;
    in_use_.push_back(&backend);
  }
  backend.weight_ = std::max(weight, 1e-3);
  backend.warm_for_ = seconds(warm_s);
  backend.warming_ = warm_s > 0;
  price(backend, now);
}

void Outliers::not_ready(BackendHealth& backend) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!backend.in_use_) return;
  in_use_.erase(std::find(in_use_.begin(), in_use_.end(), &backend));
  if (backend.ejected_until_ != 0) --ejected_;
  backend.in_use_ = false;
  board_.set_cost(backend.slot, Scoreboard::kEjected);  // it is no candidate, and must not hold its page's floor down
  backend.success_ = 1;
  backend.consecutive_ = backend.ejections_ = 0;
  backend.ejected_until_ = 0;
  backend.clean_.store(true, std::memory_order_relaxed);
}

void Outliers::succeeded(BackendHealth& backend) {
  backend.succeeded_.fetch_add(1, std::memory_order_relaxed);
  if (backend.clean_.load(std::memory_order_relaxed)) return;
  std::lock_guard<std::mutex> lock(mutex_);
  backend.consecutive_ = 0;
  backend.success_ += kLearn * (1 - backend.success_);
  price(backend, last_tick_);
}

void Outliers::failed(BackendHealth& backend, bool counts_as_consecutive, Nanos now) {
  backend.failed_.fetch_add(1, std::memory_order_relaxed);
  bool newly_ejected = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!settings_.enabled || !backend.in_use_) return;
    backend.clean_.store(false, std::memory_order_relaxed);
    backend.success_ -= kLearn * backend.success_;
    if (counts_as_consecutive && ++backend.consecutive_ >= settings_.consecutive_failures)
      newly_ejected = eject(backend, now);
    price(backend, now);
  }
  if (newly_ejected) report_(backend.slot, Health::ejected, "consecutive failures");
}

bool Outliers::eject(BackendHealth& backend, Nanos now) {
  if (backend.ejected_until_ != 0) return false;
  const double most = settings_.max_ejected_share * static_cast<double>(in_use_.size());
  if (ejected_ + 1 > most || ejected_ + 1 >= in_use_.size()) return false;
  ++ejected_;
  backend.ejections_ = std::min(backend.ejections_ + 1, kMaxBackOff);
  const double times = std::ldexp(1.0, static_cast<int>(backend.ejections_) - 1);
  backend.ejected_until_ = now + seconds(std::min(settings_.base_ejection_s * times, settings_.max_ejection_s));
  return true;
}

void Outliers::price(const BackendHealth& backend, Nanos now) {
  if (backend.ejected_until_ != 0) return board_.set_cost(backend.slot, Scoreboard::kEjected);
  // Squared, because failures end at once: of n outstanding requests, n / success are sent per service time. With n held at
  // success² of a healthy backend's, it is sent success times a healthy backend's requests: what it answers well.
  double share = backend.weight_ * std::max(backend.success_ * backend.success_, kWorst);
  const Nanos warm = now - backend.warm_since_;
  if (warm < backend.warm_for_)
    share *= std::max(static_cast<double>(warm) / static_cast<double>(backend.warm_for_), kCoolest);
  const double cost = Scoreboard::kUnit / share;
  board_.set_cost(backend.slot, static_cast<uint32_t>(std::clamp(cost, 1.0, 4e9)));
}

// Success rates of one interval against the mean of the others'.
void Outliers::judge_rates(Nanos now, std::vector<Change>& changes) {
  struct Rate {
    BackendHealth* backend;
    double rate;
  };
  std::vector<Rate> rates;
  double sum = 0;
  for (BackendHealth* backend : in_use_) {
    const uint64_t ok = backend->succeeded_.load(std::memory_order_relaxed) - backend->seen_succeeded_;
    const uint64_t bad = backend->failed_.load(std::memory_order_relaxed) - backend->seen_failed_;
    backend->seen_succeeded_ += ok;
    backend->seen_failed_ += bad;
    if (bad == 0 && backend->ejected_until_ == 0 && backend->ejections_ > 0 && ok >= settings_.min_requests)
      --backend->ejections_;  // a good interval takes a step of the back-off away
    if (ok + bad < settings_.min_requests) continue;
    rates.push_back({backend, static_cast<double>(ok) / static_cast<double>(ok + bad)});
    sum += rates.back().rate;
  }
  for (const Rate& one : rates) {
    const double others = (sum - one.rate) / static_cast<double>(rates.size() - 1);
    if (rates.size() > 1 && one.rate < others - settings_.success_margin && eject(*one.backend, now))
      changes.push_back({one.backend->slot, Health::ejected, "success rate"});
  }
}

void Outliers::tick(Nanos now) {
  std::vector<Change> changes;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const double passed_s = last_tick_ == 0 ? 0 : static_cast<double>(now - last_tick_) * 1e-9;
    last_tick_ = now;
    if (settings_.enabled && now - last_judged_ >= seconds(settings_.interval_s)) {
      last_judged_ = now;
      judge_rates(now, changes);
    }
    const double forgive = std::exp2(-passed_s / settings_.forgive_s);
    for (BackendHealth* backend : in_use_) {
      const bool warming = std::exchange(backend->warming_, now - backend->warm_since_ < backend->warm_for_);
      if (backend->ejected_until_ != 0 && now >= backend->ejected_until_) {
        backend->ejected_until_ = 0;
        --ejected_;
        // On trial: a quarter of its weight, and one more failure ejects it again, for twice the time.
        backend->success_ = 0.5;
        backend->consecutive_ = settings_.consecutive_failures - 1;
        changes.push_back({backend->slot, Health::ok, "ejection over"});
      } else if (!backend->clean_.load(std::memory_order_relaxed)) {
        backend->success_ = 1 - (1 - backend->success_) * forgive;
        if (backend->success_ > 0.999 && backend->consecutive_ == 0) {
          backend->success_ = 1;
          backend->clean_.store(true, std::memory_order_relaxed);
        }
      } else if (!warming) {
        continue;
      }
      price(*backend, now);
    }
  }
  for (const Change& change : changes) report_(change.slot, change.health, change.reason);
}

double Outliers::success(const BackendHealth& backend) const {
  std::lock_guard<std::mutex> lock(mutex_);
  return backend.success_;
}

bool Outliers::ejected(const BackendHealth& backend) const {
  std::lock_guard<std::mutex> lock(mutex_);
  return backend.ejected_until_ != 0;
}

}  // namespace tidegate
