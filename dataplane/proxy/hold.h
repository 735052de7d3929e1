// The waiting room for requests that no ready replica can take now: bounded by number and bytes over all workers, first
// come, first out in each worker. PURE.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace tidegate {

// What is held in all workers together.
struct HoldTotals {
  std::atomic<uint32_t> requests{0};
  std::atomic<uint64_t> bytes{0};
};

class WaitingRoom;

// One waiting request; a link in its worker's queue. Leaves by itself when it is destroyed.
class Waiting {
 public:
  Waiting() = default;
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  ~Waiting() { leave(); }
  bool waits() const { return room_ != nullptr; }
  void leave();

 private:
  friend class WaitingRoom;
  WaitingRoom* room_ = nullptr;
  Waiting* previous_ = nullptr;
  Waiting* next_ = nullptr;
  uint64_t bytes_ = 0;
  uint64_t entered_ = 0;
};

class WaitingRoom {
 public:
  enum class Answer : uint8_t { waits, too_many, too_large };

  explicit WaitingRoom(HoldTotals& totals) : totals_(totals) {}

  Answer enter(Waiting& who, uint64_t bytes, uint32_t max_requests, uint64_t max_bytes) {
    if (totals_.requests.fetch_add(1, std::memory_order_relaxed) >= max_requests) {
      totals_.requests.fetch_sub(1, std::memory_order_relaxed);
      return Answer::too_many;
    }
    if (totals_.bytes.fetch_add(bytes, std::memory_order_relaxed) + bytes > max_bytes) {
      totals_.requests.fetch_sub(1, std::memory_order_relaxed);
      totals_.bytes.fetch_sub(bytes, std::memory_order_relaxed);
      return Answer::too_large;
    }
    who.room_ = this;
    who.bytes_ = bytes;
    who.entered_ = ++entered_;
    who.previous_ = last_;
    who.next_ = nullptr;
    (last_ != nullptr ? last_->next_ : first_) = &who;
    last_ = &who;
    ++size_;
    return Answer::waits;
  }

  // More of the request came while it waits; false if there is no room for it (it waits on: the caller refuses it).
  bool grow(Waiting& who, uint64_t bytes, uint64_t max_bytes) {
    who.bytes_ += bytes;
    return totals_.bytes.fetch_add(bytes, std::memory_order_relaxed) + bytes <= max_bytes;
  }

  // Calls visit(Waiting&) for each that waits now, in order of arrival. A visitor may let its own request leave (and
  // enter again, which is not visited), and only that one.
  template <typename Visit>
  void for_each(Visit&& visit) {
    const uint64_t until = entered_;
    for (Waiting* who = first_; who != nullptr && who->entered_ <= until;) {
      Waiting* next = who->next_;
      visit(*who);
      who = next;
    }
  }
  size_t size() const { return size_; }

 private:
  friend class Waiting;
  HoldTotals& totals_;
  Waiting* first_ = nullptr;
  Waiting* last_ = nullptr;
  size_t size_ = 0;
  uint64_t entered_ = 0;
};

inline void Waiting::leave() {
  if (room_ == nullptr) return;
  (previous_ != nullptr ? previous_->next_ : room_->first_) = next_;
  (next_ != nullptr ? next_->previous_ : room_->last_) = previous_;
  room_->totals_.requests.fetch_sub(1, std::memory_order_relaxed);
  room_->totals_.bytes.fetch_sub(bytes_, std::memory_order_relaxed);
  --room_->size_;
  room_ = nullptr;
  previous_ = next_ = nullptr;
}

}  // namespace tidegate
