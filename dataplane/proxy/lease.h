// What an exchange has outstanding on one backend, given back exactly once however it ends.
#pragma once

#include <cstdint>
#include <utility>

#include "proxy/scoreboard.h"

namespace tidegate {

class Lease {
 public:
  Lease() = default;
  Lease(Scoreboard& board, Slot slot, uint32_t count) : board_(&board), slot_(slot) {
    while (count_ < count) take();
  }
  Lease(Lease&& other) noexcept { swap(other); }
  Lease& operator=(Lease&& other) noexcept {
    Lease taken(std::move(other));
    swap(taken);
    return *this;
  }
  ~Lease() {
    while (count_ > 0) give();
  }

  // One more request (a stream's next message) is outstanding.
  void take() {
    board_->take(slot_);
    ++count_;
  }
  // One was answered; nothing happens when none is outstanding. True if there was one.
  bool give() {
    if (count_ == 0) return false;
    board_->give(slot_);
    --count_;
    return true;
  }
  uint32_t count() const { return count_; }

 private:
  void swap(Lease& other) noexcept {
    std::swap(board_, other.board_);
    std::swap(slot_, other.slot_);
    std::swap(count_, other.count_);
  }

  Scoreboard* board_ = nullptr;
  Slot slot_ = 0;
  uint32_t count_ = 0;
};

}  // namespace tidegate
