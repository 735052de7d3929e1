// Picks the backend where one more request waits least: truly the least of all, not the better of two random ones. PURE.
//
// The score is (outstanding + 1) x cost, so that among equals the least outstanding wins, and a backend that is warming
// up, or failing, must be that much idler to be picked. Ties are broken by the randomness that the caller brings.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "proxy/scoreboard.h"

namespace tidegate {

// Backends to pick among, by page of the scoreboard.
class Candidates {
 public:
  struct Page {
    uint32_t number;
    uint32_t begin, end;  // among slots()
  };

  Candidates() = default;
  explicit Candidates(std::vector<Slot> slots) : slots_(std::move(slots)) {
    std::sort(slots_.begin(), slots_.end());
    slots_.erase(std::unique(slots_.begin(), slots_.end()), slots_.end());
    for (uint32_t i = 0; i < slots_.size(); ++i) {
      const uint32_t number = slots_[i] / kPageSlots;
      if (pages_.empty() || pages_.back().number != number) pages_.push_back({number, i, i});
      pages_.back().end = i + 1;
    }
  }
  const std::vector<Slot>& slots() const { return slots_; }
  const std::vector<Page>& pages() const { return pages_; }
  bool empty() const { return slots_.empty(); }

 private:
  std::vector<Slot> slots_;
  std::vector<Page> pages_;
};

// One pick. `random(n)` is uniform in [0, n); `tried` are slots to leave out.
template <typename Random>
class Pick {
 public:
  Pick(Scoreboard& board, const Candidates& candidates, const std::vector<Slot>& tried, Random& random)
      : board_(board), candidates_(candidates), tried_(tried), random_(random) {}

  Slot run() {
    if (candidates_.pages().size() <= 1 || !tried_.empty()) return of_range(0, candidates_.slots().size()).slot;
    // Other workers change the counts meanwhile: a page that was chosen by its floor may hold nothing so low any more.
    for (int attempt = 0; attempt < 3; ++attempt) {
      const auto [page, least] = best_page();
      const Found found = of_range(page->begin, page->end);
      if (found.score <= least) return found.slot;
      board_.refresh(page->number);
    }
    return of_range(0, candidates_.slots().size()).slot;
  }

 private:
  struct Found {
    Slot slot = kNoSlot;
    uint64_t score = UINT64_MAX;
  };

  // The least of candidates [begin, end), any of equal ones alike.
  Found of_range(size_t begin, size_t end) {
    Found found;
    uint32_t ties = 0;
    for (size_t i = begin; i < end; ++i) {
      const Slot slot = candidates_.slots()[i];
      if (!tried_.empty() && std::find(tried_.begin(), tried_.end(), slot) != tried_.end()) continue;
      const uint64_t score = score_of(board_.word(slot));
      if (score > found.score) continue;
      ties = score < found.score ? 1 : ties + 1;
      if (ties == 1 || random_(ties) == 0) found.slot = slot;
      found.score = score;
    }
    return found;
  }

  // A page with the least score, and that score. Pages whose floor is no lower than what was found are not looked into;
  // those whose floor is just that take part in the draw. Nothing beats an idle backend of full weight: there it stops.
  std::pair<const Candidates::Page*, uint64_t> best_page() {
    const auto& pages = candidates_.pages();
    const Candidates::Page* best = nullptr;
    uint64_t least = UINT64_MAX;
    uint32_t weight = 0;
    const size_t first = random_(static_cast<uint32_t>(pages.size()));
    for (size_t turn = 0; turn < pages.size(); ++turn) {
      const Candidates::Page& page = pages[first + turn < pages.size() ? first + turn : first + turn - pages.size()];
      uint64_t score = board_.floor(page.number);
      if (score > least) continue;
      if (score < least) score = least_in(page);
      if (score > least) continue;
      const uint32_t size = page.end - page.begin;
      weight = score < least ? size : weight + size;
      if (score < least || random_(weight) < size) best = &page;
      least = score;
      if (least <= Scoreboard::kUnit) break;
    }
    return {best, least};
  }

  uint64_t least_in(const Candidates::Page& page) {
    const uint64_t of_all = board_.refresh(page.number);
    if (page.end - page.begin == kPageSlots) return of_all;
    uint64_t least = UINT64_MAX;
    for (uint32_t i = page.begin; i < page.end; ++i)
      least = std::min(least, score_of(board_.word(candidates_.slots()[i])));
    return least;
  }

  Scoreboard& board_;
  const Candidates& candidates_;
  const std::vector<Slot>& tried_;
  Random& random_;
};

// kNoSlot when no candidate is left.
template <typename Random>
Slot pick(Scoreboard& board, const Candidates& candidates, const std::vector<Slot>& tried, Random&& random) {
  return Pick<std::remove_reference_t<Random>>(board, candidates, tried, random).run();
}

}  // namespace tidegate
