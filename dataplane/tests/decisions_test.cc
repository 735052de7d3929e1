// The pure decisions: who is picked, who is ejected, who may wait, what may be tried again.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <random>
#include <set>
#include <thread>

#include "proxy/balancer.h"
#include "proxy/hold.h"
#include "proxy/lease.h"
#include "proxy/outliers.h"
#include "proxy/policy.h"
#include "proxy/retry.h"
#include "proxy/stats.h"

using namespace tidegate;

namespace {

struct Pool {
  explicit Pool(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      all.push_back(board.claim());
      health.push_back(std::make_unique<BackendHealth>(all.back()));
      outliers.ready(*health.back(), 1, 0, kSecond);
    }
    candidates = Candidates(all);
  }
  Slot pick(const std::vector<Slot>& tried = {}) {
    return tidegate::pick(board, candidates, tried, [this](uint32_t n) { return static_cast<uint32_t>(random() % n); });
  }
  Scoreboard board;
  std::vector<std::pair<Slot, Health>> reports;
  Outliers outliers{board, [this](Slot slot, Health what, const char*) { reports.emplace_back(slot, what); }};
  std::vector<Slot> all;
  Candidates candidates;
  std::vector<std::unique_ptr<BackendHealth>> health;
  std::mt19937 random{11};
};

}  // namespace

TEST_CASE("the least outstanding is picked, always") {
  for (size_t count : {1u, 2u, 3u, 63u, 64u, 65u, 200u, 1000u}) {
    Pool pool(count);
    for (int step = 0; step < 300; ++step) {
      const Slot picked = pool.pick();
      uint32_t least = UINT32_MAX;
      for (Slot slot : pool.all) least = std::min(least, pool.board.outstanding(slot));
      REQUIRE(pool.board.outstanding(picked) == least);
      if (step % 2 == 0 || least > 2)
        pool.board.take(picked);
      else  // up to some level everywhere at once, so that later picks have few idle ones to find
        for (Slot slot : pool.all)
          while (pool.board.outstanding(slot) <= least) pool.board.take(slot);
      if (step % 3 == 2) {
        const Slot any = pool.all[pool.random() % count];
        if (pool.board.outstanding(any) > 0) pool.board.give(any);
      }
    }
  }
}

TEST_CASE("ties are broken evenly") {
  for (size_t count : {5u, 130u}) {
    Pool pool(count);
    std::vector<int> times(count);
    for (size_t i = 0; i < count * 1000; ++i) ++times[pool.pick()];
    CHECK(*std::min_element(times.begin(), times.end()) > 300);  // idle: the first page met, then evenly within it
    for (Slot slot : pool.all) pool.board.take(slot);
    std::fill(times.begin(), times.end(), 0);
    for (size_t i = 0; i < count * 1000; ++i) ++times[pool.pick()];
    CHECK(*std::min_element(times.begin(), times.end()) > 800);
    CHECK(*std::max_element(times.begin(), times.end()) < 1250);
  }
}

TEST_CASE("what was tried is left out") {
  Pool pool(100);
  std::vector<Slot> tried;
  for (int i = 0; i < 100; ++i) tried.push_back(pool.pick(tried));
  CHECK(std::set<Slot>(tried.begin(), tried.end()).size() == 100);
  CHECK(pool.pick(tried) == kNoSlot);
  CHECK(tidegate::pick(pool.board, Candidates(), {}, [](uint32_t) { return 0u; }) == kNoSlot);
}

TEST_CASE("10 000 backends") {
  Pool pool(10'000);
  for (Slot slot : pool.all) pool.board.take(slot);
  double best_us = 1e9;  // of ten batches: what the machine does beside it is no cost of ours
  Slot sum = 0;
  for (int batch = 0; batch < 10; ++batch) {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < 50; ++i) sum += pool.pick();
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begin;
    best_us = std::min(best_us, took.count() / 50);
  }
  MESSAGE("pick among 10 000 equally busy backends: " << best_us << " us");
  CHECK(sum > 0);
}

TEST_CASE("a page's floor is never above its least score, whatever threads do") {
  Pool pool(256);
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 3; ++t)
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      std::vector<Slot> mine;
      while (!stop) {
        if (mine.size() < 300 && random() % 2 == 0) {
          mine.push_back(tidegate::pick(pool.board, pool.candidates, {}, [&](uint32_t n) { return static_cast<uint32_t>(random() % n); }));
          pool.board.take(mine.back());
        } else if (!mine.empty()) {
          std::swap(mine[random() % mine.size()], mine.back());
          pool.board.give(mine.back());
          mine.pop_back();
        }
      }
      for (Slot slot : mine) pool.board.give(slot);
    });
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  stop = true;
  for (auto& thread : threads) thread.join();
  for (uint32_t page = 0; page < 4; ++page) {
    CHECK(pool.board.floor(page) <= Scoreboard::kUnit);
    CHECK(pool.board.refresh(page) == Scoreboard::kUnit);  // all is given back
  }
}

TEST_CASE("leases are given back exactly once") {
  Scoreboard board;
  const Slot a = board.claim(), b = board.claim();
  {
    Lease lease(board, a, 3);
    CHECK(board.outstanding(a) == 3);
    CHECK(lease.give());
    lease.take();
    Lease moved(std::move(lease));
    CHECK(lease.count() == 0);
    CHECK_FALSE(lease.give());
    moved = Lease(board, b, 1);
    CHECK(board.outstanding(a) == 0);
    CHECK(board.outstanding(b) == 1);
  }
  CHECK(board.outstanding(b) == 0);
}

TEST_CASE("counts survive a change of cost, from many threads") {
  Scoreboard board;
  const Slot slot = board.claim();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (uint32_t i = 1; i < 20'000; ++i) {
        if (t == 3)
          board.set_cost(slot, i);
        else
          board.take(slot);
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(board.outstanding(slot) == 3 * 19'999);
  CHECK(board.cost(slot) == 19'999);
}

TEST_CASE("failing makes a backend dear, and time forgives") {
  Pool pool(2);
  BackendHealth& bad = *pool.health[0];
  pool.outliers.tick(kSecond);
  pool.outliers.failed(bad, false, kSecond);
  pool.outliers.failed(bad, false, kSecond);
  pool.board.take(pool.all[1]);
  CHECK(pool.outliers.success(bad) < 0.85);
  for (int i = 0; i < 3; ++i) CHECK(pool.board.cost(pool.all[0]) > Scoreboard::kUnit);
  for (int s = 2; s < 90; ++s) pool.outliers.tick(s * kSecond);
  CHECK(pool.outliers.success(bad) == 1);
  CHECK(pool.board.cost(pool.all[0]) == Scoreboard::kUnit);
}

TEST_CASE("consecutive failures eject, for longer each time, and never the last") {
  Pool pool(3);
  const auto fail = [&](size_t i, int times, Nanos now) {
    for (int n = 0; n < times; ++n) pool.outliers.failed(*pool.health[i], true, now);
  };
  pool.outliers.tick(kSecond);
  fail(0, 4, kSecond);
  pool.outliers.succeeded(*pool.health[0]);
  fail(0, 4, kSecond);
  CHECK_FALSE(pool.outliers.ejected(*pool.health[0]));
  fail(0, 1, kSecond);
  CHECK(pool.outliers.ejected(*pool.health[0]));
  CHECK(pool.reports == std::vector<std::pair<Slot, Health>>{{0, Health::ejected}});
  for (int i = 0; i < 50; ++i) CHECK(pool.pick() != pool.all[0]);
  fail(1, 50, kSecond);  // half of three may be ejected: one
  CHECK_FALSE(pool.outliers.ejected(*pool.health[1]));
  CHECK(pool.pick({pool.all[1], pool.all[2]}) == pool.all[0]);  // better than none
  pool.outliers.tick(7 * kSecond);
  CHECK_FALSE(pool.outliers.ejected(*pool.health[0]));
  fail(0, 1, 7 * kSecond);  // on trial: once more is enough
  CHECK(pool.outliers.ejected(*pool.health[0]));
  pool.outliers.tick(13 * kSecond);
  CHECK(pool.outliers.ejected(*pool.health[0]));  // twice as long
  pool.outliers.tick(18 * kSecond);
  CHECK_FALSE(pool.outliers.ejected(*pool.health[0]));
}

TEST_CASE("a success rate far below the others' ejects") {
  Pool pool(4);
  pool.outliers.tick(kSecond);
  for (int i = 0; i < 100; ++i)
    for (size_t b = 0; b < 4; ++b) {
      if (b == 2 && i % 2 == 0)
        pool.outliers.failed(*pool.health[b], true, 2 * kSecond);
      else
        pool.outliers.succeeded(*pool.health[b]);
    }
  CHECK_FALSE(pool.outliers.ejected(*pool.health[2]));
  pool.outliers.tick(8 * kSecond);
  CHECK(pool.outliers.ejected(*pool.health[2]));
  CHECK(pool.reports.size() == 1);
}

TEST_CASE("a newly ready backend is weighed in") {
  Pool pool(1);
  const Slot fresh = pool.board.claim();
  BackendHealth health(fresh);
  pool.outliers.tick(100 * kSecond);
  pool.outliers.ready(health, 1, 10, 100 * kSecond);
  CHECK(pool.board.cost(fresh) == 20 * Scoreboard::kUnit);
  pool.outliers.tick(105 * kSecond);
  CHECK(pool.board.cost(fresh) == 2 * Scoreboard::kUnit);
  pool.outliers.tick(111 * kSecond);
  CHECK(pool.board.cost(fresh) == Scoreboard::kUnit);
}

TEST_CASE("the retry budget of gRFC A6") {
  RetryBudget budget;
  budget.configure(10, 0.1);
  int allowed = 0;
  for (int i = 0; i < 10; ++i) allowed += budget.failed();
  CHECK(allowed == 4);
  CHECK(budget.tokens() == 0);
  for (int i = 0; i < 70; ++i) budget.succeeded();
  CHECK(budget.tokens() == doctest::Approx(7));
  CHECK(budget.failed());
  for (int i = 0; i < 1000; ++i) budget.succeeded();
  CHECK(budget.tokens() == doctest::Approx(10));
}

TEST_CASE("the waiting room is bounded over all workers, and in order") {
  HoldTotals totals;
  WaitingRoom one(totals), two(totals);
  Waiting a, b, c;
  CHECK(one.enter(a, 50, 2, 100) == WaitingRoom::Answer::waits);
  CHECK(two.enter(b, 60, 2, 100) == WaitingRoom::Answer::too_large);
  CHECK(one.enter(b, 40, 2, 100) == WaitingRoom::Answer::waits);
  CHECK(two.enter(c, 1, 2, 100) == WaitingRoom::Answer::too_many);
  CHECK(one.grow(a, 10, 100));
  CHECK_FALSE(one.grow(a, 1, 100));
  std::vector<Waiting*> visited;
  one.for_each([&](Waiting& who) {
    visited.push_back(&who);
    who.leave();
    if (&who == &a) one.enter(a, 1, 2, 100);  // again at the end, not visited twice
  });
  CHECK(visited == std::vector<Waiting*>{&a, &b});
  a.leave();
  a.leave();
  CHECK(totals.requests == 0);
  CHECK(totals.bytes == 0);
}

TEST_CASE("the longest route that fits counts") {
  Routes routes({{"/a.B/", RouteKind::local}, {"/a.B/C", RouteKind::inference}, {"/", RouteKind::refused}});
  CHECK(*routes.find("/a.B/C") == RouteKind::inference);
  CHECK(*routes.find("/a.B/D") == RouteKind::local);
  CHECK(*routes.find("/x") == RouteKind::refused);
  CHECK(Routes({{"/a/b", RouteKind::local}}).find("/a") == nullptr);
}

TEST_CASE("latencies fall into their buckets; demand into its seconds") {
  Latencies latencies;
  for (double s : {0.0005, 0.001, 0.0011, 61.0}) latencies.observe(s);
  CHECK(latencies.counts[0] == 2);
  CHECK(latencies.counts[1] == 1);
  CHECK(latencies.counts.back() == 1);
  DemandRing ring;
  ring.arrive(1000, 2);
  ring.arrive(1000, 1);
  ring.arrive(1000 + DemandRing::kSeconds, 7);
  CHECK(ring.at(1000) == 0);
  CHECK(ring.at(1000 + DemandRing::kSeconds) == 7);
  CHECK(ring.at(1001) == 0);
}
