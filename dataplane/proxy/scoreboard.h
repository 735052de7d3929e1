// Outstanding requests of every backend, shared by all workers, and what one more request there costs. PURE.
//
// One 64-bit word per backend: the low half counts outstanding requests, the high half is the cost factor (fixed point,
// kUnit = 1.0). So a pick reads one word per backend, 8 to a cache line, and a lease is one atomic addition.
//
// Each page of 64 slots has a floor: no score in the page is below it. A pick among thousands reads the floors, and only
// the pages that may hold the least. Whoever lowers a score lowers the floor; only refresh() raises it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace tidegate {

using Slot = uint32_t;
constexpr Slot kNoSlot = UINT32_MAX;
constexpr uint32_t kPageSlots = 64;

// What one more request would cost at a backend with this word: (outstanding + 1) x cost.
inline uint64_t score_of(uint64_t word) {
  return static_cast<uint64_t>(static_cast<uint32_t>(word) + uint64_t{1}) * (word >> 32);
}

class Scoreboard {
 public:
  static constexpr uint32_t kUnit = 1 << 12;
  static constexpr uint32_t kEjected = UINT32_MAX;  // picked only when there is nothing else; also: not in use

  explicit Scoreboard(uint32_t capacity = 1 << 16);

  // A slot with nothing outstanding and a cost of kEjected; kNoSlot when all are taken. Thread-safe, like all of this class.
  Slot claim();
  void give_up(Slot slot);

  void take(Slot slot) { words_[slot].fetch_add(1, std::memory_order_relaxed); }
  void give(Slot slot) { lower(slot, score_of(words_[slot].fetch_sub(1) - 1)); }
  uint32_t outstanding(Slot slot) const { return static_cast<uint32_t>(word(slot)); }
  uint32_t cost(Slot slot) const { return static_cast<uint32_t>(word(slot) >> 32); }
  void set_cost(Slot slot, uint32_t cost);
  uint64_t word(Slot slot) const { return words_[slot].load(std::memory_order_relaxed); }

  uint64_t floor(uint32_t page) const { return floors_[page].load(std::memory_order_relaxed); }
  // The least score of the page now; the floor is raised to it.
  uint64_t refresh(uint32_t page);

 private:
  void lower(Slot slot, uint64_t score) {
    std::atomic<uint64_t>& floor = floors_[slot / kPageSlots];
    uint64_t now = floor.load();
    while (score < now && !floor.compare_exchange_weak(now, score)) {
    }
  }
  uint64_t least(uint32_t page) const;

  uint32_t capacity_;  // whole pages
  std::unique_ptr<std::atomic<uint64_t>[]> words_;
  std::unique_ptr<std::atomic<uint64_t>[]> floors_;
  std::mutex mutex_;
  std::vector<Slot> free_;
  Slot next_ = 0;
};

}  // namespace tidegate
