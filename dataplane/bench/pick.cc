// What one pick costs: `pick [BACKENDS …]` prints, for each number of equally busy backends, nanoseconds of a full scan and
// of the pick that the data plane makes (proxy/balancer.h), each with the lease that follows.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <vector>

#include "proxy/balancer.h"

namespace {

using namespace tidegate;

constexpr int kPicks = 20'000;
constexpr size_t kBusy = 3;  // outstanding of each backend on average

// xorshift64*, as the workers have it.
struct Random {
  uint64_t state = 0x9E3779B97F4A7C15ull;
  uint32_t operator()(uint32_t below) {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return static_cast<uint32_t>(((state * 0x2545F4914F6CDD1Dull) >> 32) * below >> 32);
  }
};

Slot scan(const Scoreboard& board, const Candidates& candidates, Random& random) {
  Slot best = kNoSlot;
  uint64_t least = UINT64_MAX;
  uint32_t ties = 0;
  for (const Slot slot : candidates.slots()) {
    const uint64_t score = score_of(board.word(slot));
    if (score > least) continue;
    ties = score < least ? 1 : ties + 1;
    if (ties == 1 || random(ties) == 0) best = slot;
    least = score;
  }
  return best;
}

// Nanoseconds of one pick, while as many requests end as begin.
template <typename Choose>
double measure(uint32_t backends, Choose choose) {
  Scoreboard board(backends);
  std::vector<Slot> slots;
  for (uint32_t i = 0; i < backends; ++i) {
    slots.push_back(board.claim());
    board.set_cost(slots.back(), Scoreboard::kUnit);
  }
  const Candidates candidates(std::move(slots));
  Random random;
  std::deque<Slot> outstanding;
  const auto one = [&] {
    outstanding.push_back(choose(board, candidates, random));
    board.take(outstanding.back());
    if (outstanding.size() <= kBusy * backends) return false;
    std::swap(outstanding.front(), outstanding[random(static_cast<uint32_t>(outstanding.size()))]);
    board.give(outstanding.front());
    outstanding.pop_front();
    return true;
  };
  while (!one()) {
  }
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < kPicks; ++i) one();
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count() / kPicks;
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const auto backends = static_cast<uint32_t>(std::atol(argv[i]));
    const double full = measure(backends, scan);
    const double paged = measure(backends, [](Scoreboard& board, const Candidates& candidates, Random& random) {
      return pick(board, candidates, {}, random);
    });
    std::printf("%u %.0f %.0f\n", backends, full, paged);
  }
}
