// One thread's event loop over epoll, edge-triggered.
//
// A turn: read all that is ready, run timers and posted tasks, then flush every connection that has something to send,
// once. So requests that arrive together leave together, in one write per connection.
#pragma once

#include <sys/epoll.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/memory.h"
#include "engine/socket.h"
#include "engine/timers.h"

namespace tidegate {

class IoHandler {
 public:
  virtual void on_io(uint32_t events) = 0;

 protected:
  ~IoHandler() = default;
};

// Called once at the end of a turn in which it was marked dirty.
class Flushable {
 public:
  virtual void flush() = 0;

 protected:
  ~Flushable() = default;

 private:
  friend class Loop;
  bool dirty_ = false;
};

// What may still be on the stack, or among this turn's events: destroyed when the turn ends.
class Retired {
 public:
  virtual ~Retired() = default;
};

class Loop {
 public:
  static constexpr size_t kReadBufferBytes = 256 * 1024;

  Loop();

  // Turns until stop(); in the calling thread.
  void run();
  // One turn. `wait`: sleeps until there is something to do.
  void turn(bool wait = true);
  void stop();                            // from any thread
  void post(std::function<void()> task);  // from any thread

  void watch(int fd, IoHandler& handler, uint32_t events);
  void unwatch(int fd);
  // The handler stopped reading before it had everything: it is called again in the next turn.
  void again(IoHandler& handler) { again_.push_back(&handler); }
  void forget(IoHandler& handler);

  void dirty(Flushable& flushable) {
    if (flushable.dirty_) return;
    flushable.dirty_ = true;
    dirty_.push_back(&flushable);
  }
  void retire(std::unique_ptr<Retired> object) { retired_.push_back(std::move(object)); }

  void arm(Timer& timer, Nanos at) { wheel_.arm(timer, at); }
  // Time of this turn.
  Nanos now() const { return now_; }
  double epoch_s() const { return epoch_s_; }

  // Scratch space for whoever reads or writes in this turn; nothing stays in it.
  uint8_t* read_buffer() { return read_buffer_.get(); }
  // What the sessions of this loop's connections are made of.
  MemoryPool& memory() { return memory_; }

 private:
  void tick();
  void run_tasks();
  void flush_all();
  int timeout_ms() const;

  MemoryPool memory_;  // first: everything else may hold blocks of it
  Fd epoll_;
  Fd wake_;
  Nanos now_ = 0;
  double epoch_s_ = 0;
  TimerWheel wheel_;
  std::vector<IoHandler*> again_;
  std::vector<Flushable*> dirty_;
  std::vector<std::unique_ptr<Retired>> retired_;
  std::unique_ptr<uint8_t[]> read_buffer_{new uint8_t[kReadBufferBytes]};
  std::mutex mutex_;
  std::vector<std::function<void()>> tasks_;
  std::atomic<bool> stop_{false};
};

}  // namespace tidegate
