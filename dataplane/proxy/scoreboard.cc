#include "proxy/scoreboard.h"

namespace tidegate {

Scoreboard::Scoreboard(uint32_t capacity) : words_(new std::atomic<uint64_t>[capacity]()), capacity_(capacity) {}

Slot Scoreboard::claim() {
  std::lock_guard<std::mutex> lock(mutex_);
  Slot slot;
  if (!free_.empty()) {
    slot = free_.back();
    free_.pop_back();
  } else if (next_ < capacity_) {
    slot = next_++;
  } else {
    return kNoSlot;
  }
  words_[slot].store(static_cast<uint64_t>(kUnit) << 32, std::memory_order_relaxed);
  return slot;
}

void Scoreboard::give_up(Slot slot) {
  std::lock_guard<std::mutex> lock(mutex_);
  free_.push_back(slot);
}

void Scoreboard::set_cost(Slot slot, uint32_t cost) {
  uint64_t old = word(slot);
  while (!words_[slot].compare_exchange_weak(old, (old & UINT32_MAX) | static_cast<uint64_t>(cost) << 32,
                                             std::memory_order_relaxed)) {
  }
}

}  // namespace tidegate
