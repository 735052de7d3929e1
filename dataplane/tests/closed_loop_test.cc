// How picking and health play together over time: a simulated closed loop, without sockets and clocks.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <queue>
#include <random>
#include <vector>

#include "proxy/balancer.h"
#include "proxy/outliers.h"

using namespace tidegate;

namespace {

constexpr Nanos kTickPeriod = 100 * kMillisecond;
constexpr Nanos kService = 50 * kMillisecond;
constexpr Nanos kFastFailure = kMillisecond;

// Callers that send their next request as soon as the last is answered, over backends that may fail fast.
class ClosedLoop {
 public:
  ClosedLoop(size_t backends, size_t callers, OutlierSettings settings = {}) : callers_(callers) {
    outliers_.configure(settings);
    outliers_.tick(now_);
    failing.resize(backends);
    for (size_t i = 0; i < backends; ++i) {
      slots_.push_back(board.claim());
      health_.push_back(std::make_unique<BackendHealth>(slots_.back()));
    }
  }

  void ready(size_t backend, double slow_start_s = 0) {
    outliers_.ready(*health_[backend], 1, slow_start_s, now_);
    ready_.push_back(slots_[backend]);
    candidates_ = Candidates(ready_);
  }

  // Requests that each backend got within the time.
  std::vector<size_t> run(Nanos duration) {
    std::vector<size_t> got(slots_.size());
    const Nanos until = now_ + duration;
    while (outstanding_ < callers_) send(got);
    while (!ends_.empty() && ends_.top().at <= until) {
      const End end = ends_.top();
      ends_.pop();
      pass(end.at);
      answered(end);
      send(got);
    }
    pass(until);
    return got;
  }

  uint32_t outstanding(size_t backend) const { return board.outstanding(slots_[backend]); }

  std::vector<double> failing;  // share of its requests that a backend answers by a fast error
  std::function<void()> on_sent = [] {};

 private:
  struct End {
    Nanos at;
    size_t backend;
    bool ok;
    bool operator<(const End& other) const { return at > other.at; }
  };

  void pass(Nanos until) {
    for (; next_tick_ <= until; next_tick_ += kTickPeriod) outliers_.tick(next_tick_);
    now_ = until;
  }

  void send(std::vector<size_t>& got) {
    const Slot slot = pick(board, candidates_, {}, [this](uint32_t n) { return static_cast<uint32_t>(random_() % n); });
    const auto backend = static_cast<size_t>(std::find(slots_.begin(), slots_.end(), slot) - slots_.begin());
    board.take(slot);
    ++outstanding_;
    ++got[backend];
    const bool ok = std::uniform_real_distribution<>(0, 1)(random_) >= failing[backend];
    ends_.push({now_ + (ok ? kService : kFastFailure), backend, ok});
    on_sent();
  }

  void answered(const End& end) {
    board.give(slots_[end.backend]);
    --outstanding_;
    if (end.ok)
      outliers_.succeeded(*health_[end.backend]);
    else
      outliers_.failed(*health_[end.backend], true, now_);
  }

  Scoreboard board;
  Outliers outliers_{board, [](Slot, Health, const char*) {}};
  std::vector<std::unique_ptr<BackendHealth>> health_;
  std::vector<Slot> slots_, ready_;
  Candidates candidates_;
  std::priority_queue<End> ends_;
  std::mt19937 random_{5};
  size_t callers_, outstanding_ = 0;
  Nanos now_ = kSecond, next_tick_ = kSecond;
};

double share_of(const std::vector<size_t>& got, size_t backend) {
  double sum = 0;
  for (const size_t one : got) sum += static_cast<double>(one);
  return static_cast<double>(got[backend]) / sum;
}

}  // namespace

TEST_CASE("a backend that fails fast does not attract, and comes back when it mends") {
  for (const bool may_eject : {true, false})
    for (const double failing : {0.3, 0.5, 0.8, 1.0}) {
      OutlierSettings settings;
      settings.max_ejected_share = may_eject ? 0.5 : 0;
      ClosedLoop loop(4, 32, settings);
      for (size_t i = 0; i < 4; ++i) loop.ready(i);
      CHECK(share_of(loop.run(10 * kSecond), 0) == doctest::Approx(0.25).epsilon(0.02));
      loop.failing[0] = failing;
      const double share = share_of(loop.run(30 * kSecond), 0);
      CAPTURE(may_eject);
      CAPTURE(failing);
      // What it answers well is all that it deserves: it gets no more than its fair share of that.
      CHECK(share < 0.25 * (1 - failing) + 0.03);
      loop.failing[0] = 0;
      loop.run(30 * kSecond);
      CHECK(share_of(loop.run(10 * kSecond), 0) > 0.24);
    }
}

TEST_CASE("several backends that become ready at once are not flooded, neither at first nor when they are warm") {
  constexpr size_t kCallers = 120;
  constexpr double kWarmS = 10;
  ClosedLoop loop(10, kCallers);
  loop.ready(0);
  loop.ready(1);
  loop.run(5 * kSecond);
  for (size_t i = 2; i < 10; ++i) loop.ready(i, kWarmS);
  uint32_t most = 0;
  double allowed = 0;
  loop.on_sent = [&] {
    for (size_t i = 2; i < 10; ++i) most = std::max(most, loop.outstanding(i));
  };
  for (int s = 1; s <= 12; ++s) {
    most = 0;
    loop.run(kSecond);
    // With the share w of full weight, a cold backend holds at most w of what a warm one holds, and one more.
    const double w = std::min(s / kWarmS, 1.0);
    allowed = w * kCallers / (2 + 8 * w) + 2;
    CAPTURE(s);
    CHECK(most <= allowed);
  }
  const auto got = loop.run(5 * kSecond);
  for (size_t i = 0; i < 10; ++i) CHECK(share_of(got, i) == doctest::Approx(0.1).epsilon(0.05));
}
