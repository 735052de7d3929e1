#include "proxy/scoreboard.h"

#include <algorithm>

namespace tidegate {

namespace {

constexpr uint64_t kIdleEjected = static_cast<uint64_t>(Scoreboard::kEjected) << 32;

}  // namespace

Scoreboard::Scoreboard(uint32_t capacity)
    : capacity_((capacity + kPageSlots - 1) / kPageSlots * kPageSlots),
      words_(new std::atomic<uint64_t>[capacity_]),
      floors_(new std::atomic<uint64_t>[capacity_ / kPageSlots]()) {
  for (Slot slot = 0; slot < capacity_; ++slot) words_[slot].store(kIdleEjected, std::memory_order_relaxed);
}

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
  words_[slot].store(kIdleEjected);
  return slot;
}

void Scoreboard::give_up(Slot slot) {
  std::lock_guard<std::mutex> lock(mutex_);
  words_[slot].store(kIdleEjected);
  free_.push_back(slot);
}

void Scoreboard::set_cost(Slot slot, uint32_t cost) {
  uint64_t old = word(slot), changed;
  do changed = (old & UINT32_MAX) | static_cast<uint64_t>(cost) << 32;
  while (!words_[slot].compare_exchange_weak(old, changed));
  lower(slot, score_of(changed));
}

uint64_t Scoreboard::least(uint32_t page) const {
  const std::atomic<uint64_t>* words = &words_[page * kPageSlots];
  uint64_t a = UINT64_MAX, b = UINT64_MAX, c = UINT64_MAX, d = UINT64_MAX;  // four chains: none waits for the others
  for (uint32_t i = 0; i < kPageSlots; i += 4) {
    a = std::min(a, score_of(words[i].load()));
    b = std::min(b, score_of(words[i + 1].load()));
    c = std::min(c, score_of(words[i + 2].load()));
    d = std::min(d, score_of(words[i + 3].load()));
  }
  return std::min(std::min(a, b), std::min(c, d));
}

uint64_t Scoreboard::refresh(uint32_t page) {
  uint64_t floor = floors_[page].load();
  const uint64_t before = least(page);
  if (before <= floor || !floors_[page].compare_exchange_strong(floor, before)) return before;
  // A score that fell between the look and the raise did not lower the floor, for it was low then: look again. All of
  // these are sequentially consistent, so either we see that score or its change saw the raised floor.
  const uint64_t after = least(page);
  if (after < before) lower(page * kPageSlots, after);
  return after;
}

}  // namespace tidegate
