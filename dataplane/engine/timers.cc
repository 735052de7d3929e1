#include "engine/timers.h"

#include <algorithm>

namespace tidegate {

void Timer::cancel() {
  if (next_ == nullptr) return;
  previous_->next_ = next_;
  next_->previous_ = previous_;
  previous_ = next_ = nullptr;
}

void Timer::link(Timer& head) {
  previous_ = head.previous_;
  next_ = &head;
  head.previous_->next_ = this;
  head.previous_ = this;
}

TimerWheel::TimerWheel(Nanos now) : tick_(now / kTick) {
  for (Timer& head : slots_) head.previous_ = head.next_ = &head;
}

void TimerWheel::arm(Timer& timer, Nanos at) {
  timer.cancel();
  if (at == kNever) return;
  timer.tick_ = std::max(tick_ + 1, (at + kTick - 1) / kTick);
  const int64_t slot = timer.tick_ % kSlots;
  timer.link(slots_[slot]);
  occupied_[slot / 64] |= uint64_t{1} << (slot % 64);
}

// Moves what is due in the slot to the list `due`.
bool TimerWheel::collect(int64_t slot, Timer& due) {
  Timer& head = slots_[slot];
  bool any = false;
  for (Timer* timer = head.next_; timer != &head;) {
    Timer* next = timer->next_;
    if (timer->tick_ <= tick_) {
      timer->cancel();
      timer->link(due);
      any = true;
    }
    timer = next;
  }
  if (head.next_ == &head) occupied_[slot / 64] &= ~(uint64_t{1} << (slot % 64));
  return any;
}

bool TimerWheel::advance(Nanos now) {
  const int64_t target = now / kTick;
  if (target <= tick_) return false;
  const int64_t first = std::max(tick_ + 1, target - kSlots + 1);
  tick_ = target;
  Timer due;
  due.previous_ = due.next_ = &due;
  bool any = false;
  for (int64_t tick = first; tick <= target; ++tick) {
    const int64_t slot = tick % kSlots;
    if (occupied_[slot / 64] >> (slot % 64) & 1) any |= collect(slot, due);
  }
  while (due.next_ != &due) {  // firing may cancel or arm any timer, those of this list too
    Timer* timer = due.next_;
    timer->cancel();
    timer->fire_(timer->owner_);
  }
  due.previous_ = due.next_ = nullptr;
  return any;
}

Nanos TimerWheel::next() const {
  for (int64_t ahead = 1; ahead <= kSlots;) {
    const int64_t slot = (tick_ + ahead) % kSlots;
    const uint64_t rest = occupied_[slot / 64] >> (slot % 64);
    if (rest != 0) return (tick_ + ahead + __builtin_ctzll(rest)) * kTick;
    ahead += 64 - slot % 64;
  }
  return kNever;
}

}  // namespace tidegate
