// Which backends fail, and how unattractive that makes them. PURE: time is passed in.
//
// Three measures, from mild to strong: a recent share of failures makes each request there dearer in the balancer's eyes,
// so that failing fast doesn't look like being idle (linkerd2-proxy#4537); `consecutive_failures` in a row, or a success
// rate far below that of the others, eject a backend for a time that grows with each ejection (gRFC A50, Envoy's outlier
// detection); never more than a bounded share of the backends, and never the last one.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "engine/timers.h"
#include "proxy/scoreboard.h"

namespace tidegate {

struct OutlierSettings {
  bool enabled = true;
  uint32_t consecutive_failures = 5;
  double max_ejected_share = 0.5;
  double base_ejection_s = 5;
  double max_ejection_s = 120;
  double success_margin = 0.3;   // below the mean of the others' success rates
  uint32_t min_requests = 20;    // in an interval, for its rate to say something
  double interval_s = 5;
  double forgive_s = 5;          // half-life of a failure's weight when nothing more is known
};

enum class Health : uint8_t { ok, ejected };

// What the data plane remembers of one backend's health; one per slot, for as long as the backend is known.
class BackendHealth {
 public:
  explicit BackendHealth(Slot slot) : slot(slot) {}
  const Slot slot;

 private:
  friend class Outliers;
  std::atomic<bool> clean_{true};  // nothing to make good: a success changes nothing
  std::atomic<uint64_t> succeeded_{0};
  std::atomic<uint64_t> failed_{0};
  // Under Outliers' mutex:
  bool in_use_ = false;  // ready: may be sent requests
  double success_ = 1;   // share, exponentially weighted
  double weight_ = 1;
  uint32_t consecutive_ = 0;
  uint32_t ejections_ = 0;
  Nanos ejected_until_ = 0;  // 0: not ejected
  Nanos warm_since_ = 0;
  Nanos warm_for_ = 0;
  bool warming_ = false;
  uint64_t seen_succeeded_ = 0;  // at the last interval
  uint64_t seen_failed_ = 0;
};

class Outliers {
 public:
  using Report = std::function<void(Slot, Health, const char* reason)>;  // called without the mutex held

  Outliers(Scoreboard& board, Report report) : board_(board), report_(std::move(report)) {}

  void configure(const OutlierSettings& settings);
  // The backend may be sent requests from now on; it is weighed in over `warm_s`. Again with other values: they change.
  void ready(BackendHealth& backend, double weight, double warm_s, Nanos now);
  // It may not. Its health is forgotten: when it comes back, it begins anew.
  void not_ready(BackendHealth& backend);

  // An answer of the backend. Thread-safe; for a backend in good health a success is two relaxed loads and an addition.
  void succeeded(BackendHealth& backend);
  // `counts_as_consecutive`: false for answers like "too busy", which make dearer but don't eject.
  void failed(BackendHealth& backend, bool counts_as_consecutive, Nanos now);

  // Lets time pass: weighing in, forgiving, ending ejections, judging success rates. A few times a second.
  void tick(Nanos now);

  double success(const BackendHealth& backend) const;
  bool ejected(const BackendHealth& backend) const;

 private:
  struct Change {
    Slot slot;
    Health health;
    const char* reason;
  };

  bool eject(BackendHealth& backend, Nanos now);
  void judge_rates(Nanos now, std::vector<Change>& changes);
  void price(const BackendHealth& backend, Nanos now);

  Scoreboard& board_;
  Report report_;
  mutable std::mutex mutex_;
  OutlierSettings settings_;
  std::vector<BackendHealth*> in_use_;
  Nanos last_tick_ = 0;
  Nanos last_judged_ = 0;
  uint32_t ejected_ = 0;
};

}  // namespace tidegate
