#include "engine/loop.h"

#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace tidegate {

namespace {

Nanos clock_now(clockid_t clock) {
  timespec at;
  clock_gettime(clock, &at);
  return at.tv_sec * kSecond + at.tv_nsec;
}

}  // namespace

Loop::Loop()
    : epoll_(epoll_create1(EPOLL_CLOEXEC)),
      wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      wheel_(clock_now(CLOCK_MONOTONIC)) {
  if (!epoll_ || !wake_) throw std::system_error(errno, std::generic_category(), "event loop");
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;
  epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event);
  tick();
}

void Loop::tick() {
  now_ = clock_now(CLOCK_MONOTONIC);
  epoch_s_ = static_cast<double>(clock_now(CLOCK_REALTIME)) * 1e-9;
}

void Loop::watch(int fd, IoHandler& handler, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &handler;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
}

void Loop::unwatch(int fd) { epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr); }

void Loop::forget(IoHandler& handler) { again_.erase(std::remove(again_.begin(), again_.end(), &handler), again_.end()); }

void Loop::post(std::function<void()> task) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof one);
}

void Loop::stop() {
  post([this] { stop_.store(true, std::memory_order_relaxed); });
}

void Loop::run() {
  while (!stop_.load(std::memory_order_relaxed)) turn();
}

int Loop::timeout_ms() const {
  if (!again_.empty()) return 0;
  const Nanos next = wheel_.next();
  if (next == kNever) return -1;
  const Nanos left = next - now_;
  return left <= 0 ? 0 : static_cast<int>(std::min<Nanos>((left + kMillisecond - 1) / kMillisecond, 60'000));
}

void Loop::turn(bool wait) {
  epoll_event events[256];
  const int count = epoll_wait(epoll_.get(), events, 256, wait ? timeout_ms() : 0);
  tick();
  std::vector<IoHandler*> again;
  again.swap(again_);
  bool tasks = false;
  for (int i = 0; i < count; ++i) {
    if (events[i].data.ptr == nullptr)
      tasks = true;
    else
      static_cast<IoHandler*>(events[i].data.ptr)->on_io(events[i].events);
  }
  for (IoHandler* handler : again) handler->on_io(EPOLLIN);
  if (tasks) run_tasks();
  wheel_.advance(now_);
  flush_all();
  retired_.clear();
}

void Loop::run_tasks() {
  uint64_t count;
  [[maybe_unused]] const ssize_t got = read(wake_.get(), &count, sizeof count);
  std::vector<std::function<void()>> tasks;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    tasks.swap(tasks_);
  }
  for (auto& task : tasks) task();
}

void Loop::flush_all() {
  // A flush may make others dirty (credit to give back, a stream that ends): they follow in the same turn.
  for (size_t i = 0; i < dirty_.size(); ++i) {
    Flushable* flushable = dirty_[i];
    flushable->dirty_ = false;
    flushable->flush();
  }
  dirty_.clear();
}

}  // namespace tidegate
