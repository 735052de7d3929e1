// Timers on a hashed wheel: arming and cancelling are a few pointer writes, so that every request can have one.
//
// After Varghese and Lauck, "Hashed and hierarchical timing wheels" (SOSP 1987), scheme 6: a timer that is further away
// than one turn of the wheel is looked at once per turn.
#pragma once

#include <array>
#include <cstdint>

namespace tidegate {

using Nanos = int64_t;  // of the monotonic clock, or a duration

constexpr Nanos kMillisecond = 1'000'000;
constexpr Nanos kSecond = 1'000'000'000;
constexpr Nanos kNever = INT64_MAX;

constexpr Nanos kForever = 3 * 1000 * 1000 * kSecond * 1000;  // 95 years: can be added to a time
constexpr Nanos seconds(double s) { return s >= 3e9 ? kForever : static_cast<Nanos>(s * 1e9); }

// Fires once at or shortly after (kTick) the time it was armed for. Owned by what it is for; cancels itself when that
// is destroyed. `fire` may arm it again.
class Timer {
 public:
  using Fire = void (*)(void* owner);
  Timer(Fire fire, void* owner) : fire_(fire), owner_(owner) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { cancel(); }

  bool armed() const { return next_ != nullptr; }
  void cancel();

 private:
  friend class TimerWheel;
  Timer() = default;  // a list's head
  void link(Timer& head);

  Timer* previous_ = nullptr;
  Timer* next_ = nullptr;
  int64_t tick_ = 0;
  Fire fire_ = nullptr;
  void* owner_ = nullptr;
};

class TimerWheel {
 public:
  static constexpr Nanos kTick = 4 * kMillisecond;

  explicit TimerWheel(Nanos now);
  void arm(Timer& timer, Nanos at);
  // Fires what is due; true if anything was.
  bool advance(Nanos now);
  // When advance() may next have something to do; kNever when no timer is armed.
  Nanos next() const;

 private:
  static constexpr int64_t kSlots = 2048;

  bool collect(int64_t slot, Timer& due);

  int64_t tick_;
  Timer slots_[kSlots];
  std::array<uint64_t, kSlots / 64> occupied_{};  // a set bit may be stale, a clear one is true
};

}  // namespace tidegate
