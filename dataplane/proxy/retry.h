// How many retries the router allows itself, so that retries can't make an overload worse. PURE.
//
// gRFC A6, throttling: https://github.com/grpc/proposal/blob/master/A6-client-retries.md#throttling-retry-attempts-and-hedged-rpcs
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace tidegate {

// Shared by all workers. While nothing fails, a success is one relaxed load.
class RetryBudget {
 public:
  void configure(double max_tokens, double token_ratio) {
    const int64_t most = scaled(max_tokens);
    const int64_t before = most_.exchange(most, std::memory_order_relaxed);
    earn_.store(scaled(token_ratio), std::memory_order_relaxed);
    if (before < 0) tokens_.store(most, std::memory_order_relaxed);
  }
  void succeeded() {
    const int64_t most = most_.load(std::memory_order_relaxed);
    if (tokens_.load(std::memory_order_relaxed) >= most) return;
    change(earn_.load(std::memory_order_relaxed), most);
  }
  // True if the failed request may be tried again.
  bool failed() {
    const int64_t most = most_.load(std::memory_order_relaxed);
    return change(-kScale, most) > most / 2;
  }
  double tokens() const { return static_cast<double>(tokens_.load(std::memory_order_relaxed)) / kScale; }

 private:
  static constexpr int64_t kScale = 1000;  // gRFC A6: token_ratio counts to three decimals
  static int64_t scaled(double tokens) { return static_cast<int64_t>(tokens * kScale); }

  int64_t change(int64_t by, int64_t most) {
    int64_t now = tokens_.load(std::memory_order_relaxed), next;
    do next = std::clamp<int64_t>(now + by, 0, most);
    while (!tokens_.compare_exchange_weak(now, next, std::memory_order_relaxed));
    return next;
  }

  std::atomic<int64_t> tokens_{0};
  std::atomic<int64_t> most_{-1};
  std::atomic<int64_t> earn_{0};
};

}  // namespace tidegate
