// Outstanding requests of every backend, shared by all workers, and what one more request there costs. PURE.
//
// One 64-bit word per backend: the low half counts outstanding requests, the high half is the cost factor (fixed point,
// kUnit = 1.0). So a pick reads one word per backend, 8 to a cache line, and a lease is one atomic addition.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace tidegate {

using Slot = uint32_t;
constexpr Slot kNoSlot = UINT32_MAX;

class Scoreboard {
 public:
  static constexpr uint32_t kUnit = 1 << 12;
  static constexpr uint32_t kEjected = UINT32_MAX;  // picked only when there is nothing else

  explicit Scoreboard(uint32_t capacity = 1 << 16);

  // A slot with nothing outstanding; kNoSlot when all are taken. Thread-safe, like all of this class.
  Slot claim();
  void give_up(Slot slot);

  void take(Slot slot) { words_[slot].fetch_add(1, std::memory_order_relaxed); }
  void give(Slot slot) { words_[slot].fetch_sub(1, std::memory_order_relaxed); }
  uint32_t outstanding(Slot slot) const { return static_cast<uint32_t>(word(slot)); }
  uint32_t cost(Slot slot) const { return static_cast<uint32_t>(word(slot) >> 32); }
  void set_cost(Slot slot, uint32_t cost);
  uint64_t word(Slot slot) const { return words_[slot].load(std::memory_order_relaxed); }

 private:
  std::unique_ptr<std::atomic<uint64_t>[]> words_;
  uint32_t capacity_;
  std::mutex mutex_;
  std::vector<Slot> free_;
  Slot next_ = 0;
};

}  // namespace tidegate
