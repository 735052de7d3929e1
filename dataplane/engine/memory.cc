#include "engine/memory.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace tidegate {

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kPooled = false;  // AddressSanitizer must see each block's own beginning and end of life
#elif defined(__has_feature)
constexpr bool kPooled = !__has_feature(address_sanitizer);
#else
constexpr bool kPooled = true;
#endif

}  // namespace

// Stands before what the user gets.
struct alignas(std::max_align_t) MemoryPool::Block {
  size_t capacity;  // bytes behind this head
  Block* next;      // while it is idle
};

MemoryPool::~MemoryPool() {
  for (Block* block : idle_)
    while (block != nullptr) {
      Block* next = block->next;
      std::free(block);
      block = next;
    }
}

void* MemoryPool::take(size_t size) {
  const size_t kind = size == 0 ? 0 : (size - 1) / kStep;
  const bool small = kPooled && kind < kSizes;
  if (small && idle_[kind] != nullptr) {
    Block* block = idle_[kind];
    idle_[kind] = block->next;
    idle_bytes_ -= block->capacity;
    return block + 1;
  }
  const size_t capacity = small ? (kind + 1) * kStep : size;
  if (capacity > SIZE_MAX - sizeof(Block)) return nullptr;
  auto* block = static_cast<Block*>(std::malloc(sizeof(Block) + capacity));
  if (block == nullptr) return nullptr;
  block->capacity = capacity;
  return block + 1;
}

void MemoryPool::give(void* user) {
  if (user == nullptr) return;
  Block* block = static_cast<Block*>(user) - 1;
  const size_t kind = block->capacity / kStep - 1;
  if (!kPooled || block->capacity % kStep != 0 || kind >= kSizes || idle_bytes_ + block->capacity > kMostIdleBytes)
    return std::free(block);
  block->next = idle_[kind];
  idle_[kind] = block;
  idle_bytes_ += block->capacity;
}

void* MemoryPool::resize(void* user, size_t size) {
  if (user == nullptr) return take(size);
  const size_t capacity = (static_cast<Block*>(user) - 1)->capacity;
  if (size <= capacity && size * 2 > capacity) return user;
  void* fresh = take(size);
  if (fresh == nullptr) return nullptr;
  std::memcpy(fresh, user, size < capacity ? size : capacity);
  give(user);
  return fresh;
}

nghttp2_mem MemoryPool::for_nghttp2() {
  return {this, [](size_t size, void* self) { return static_cast<MemoryPool*>(self)->take(size); },
          [](void* block, void* self) { static_cast<MemoryPool*>(self)->give(block); },
          [](size_t count, size_t size, void* self) -> void* {
            if (size != 0 && count > SIZE_MAX / size) return nullptr;
            void* block = static_cast<MemoryPool*>(self)->take(count * size);
            return block == nullptr ? nullptr : std::memset(block, 0, count * size);
          },
          [](void* block, size_t size, void* self) { return static_cast<MemoryPool*>(self)->resize(block, size); }};
}

}  // namespace tidegate
