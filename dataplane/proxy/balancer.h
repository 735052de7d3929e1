// Picks the backend where one more request waits least: a true full scan, not two random choices. PURE.
//
// The score is (outstanding + 1) x cost, so that among equals the least outstanding wins, and a backend that is warming
// up, or failing, must be that much idler to be picked. Ties are broken by the randomness that the caller brings.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "proxy/scoreboard.h"

namespace tidegate {

constexpr size_t kPickChunk = 64;  // most candidates in one

inline uint64_t score_of(uint64_t word) {
  return static_cast<uint64_t>(static_cast<uint32_t>(word) + uint64_t{1}) * (word >> 32);
}

// The least score of candidates[begin, end). Four minima at once: a scan is bound by the length of its chain of
// comparisons, not by memory.
inline uint64_t least_score(const Scoreboard& board, const Slot* candidates, size_t begin, size_t end) {
  const auto score = [&](size_t i) { return score_of(board.word(candidates[i])); };
  uint64_t a = UINT64_MAX, b = UINT64_MAX, c = UINT64_MAX, d = UINT64_MAX;
  size_t i = begin;
  for (; i + 4 <= end; i += 4) {
    a = std::min(a, score(i));
    b = std::min(b, score(i + 1));
    c = std::min(c, score(i + 2));
    d = std::min(d, score(i + 3));
  }
  for (; i < end; ++i) a = std::min(a, score(i));
  return std::min(std::min(a, b), std::min(c, d));
}

// `random(n)` is uniform in [0, n). `tried` are slots to leave out. kNoSlot when no candidate is left.
//
// One pass: it goes over chunks of candidates and remembers only the best chunk (any of equal ones), in which the winner
// is then found, so that ties cost a random number per chunk and not one per backend. Beyond one chunk it starts
// anywhere and stops at the first chunk with an idle backend of full weight, which nothing can beat.
template <typename Random>
Slot pick(const Scoreboard& board, const std::vector<Slot>& candidates, const std::vector<Slot>& tried,
          Random&& random) {
  const size_t count = candidates.size();
  if (count == 0) return kNoSlot;
  const size_t chunks = (count + kPickChunk - 1) / kPickChunk;
  const size_t size = (count + chunks - 1) / chunks;  // equal ones, so that each candidate is met as often
  const auto score_at = [&](size_t i) { return score_of(board.word(candidates[i])); };
  const auto left_out = [&](size_t i) { return std::find(tried.begin(), tried.end(), candidates[i]) != tried.end(); };
  const auto least_untried = [&](size_t begin, size_t end) {
    uint64_t least = UINT64_MAX;
    for (size_t i = begin; i < end; ++i)
      if (!left_out(i)) least = std::min(least, score_at(i));
    return least;
  };

  size_t best_chunk = chunks == 1 ? 0 : chunks;
  uint64_t best = UINT64_MAX;
  uint32_t ties = 0;
  const size_t first = chunks > 1 ? random(static_cast<uint32_t>(chunks)) : 0;
  for (size_t turn = 0; chunks > 1 && turn < chunks; ++turn) {
    const size_t chunk = first + turn < chunks ? first + turn : first + turn - chunks;
    const size_t begin = chunk * size, end = std::min(begin + size, count);
    const uint64_t least =
        tried.empty() ? least_score(board, candidates.data(), begin, end) : least_untried(begin, end);
    if (least == UINT64_MAX || least > best) continue;
    ties = least < best ? 1 : ties + 1;
    if (ties == 1 || random(ties) == 0) best_chunk = chunk;
    best = least;
    if (best <= Scoreboard::kUnit) break;
  }
  if (best_chunk == chunks) return kNoSlot;

  // Other workers may have changed the counts since; the least of the chunk as it is now is taken.
  const size_t begin = best_chunk * size, end = std::min(begin + size, count);
  Slot winner = kNoSlot;
  best = UINT64_MAX;
  ties = 0;
  for (size_t i = begin; i < end; ++i) {
    if (!tried.empty() && left_out(i)) continue;
    const uint64_t score = score_at(i);
    if (score > best) continue;
    ties = score < best ? 1 : ties + 1;
    if (ties == 1 || random(ties) == 0) winner = candidates[i];
    best = score;
  }
  return winner;
}

}  // namespace tidegate
