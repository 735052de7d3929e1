#include "engine/pipe.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

namespace tidegate {

// Sizes: a small unary message; a gRPC frame; an HTTP/2 frame of the default size.
struct Pipe::Block {
  Block* next;
  uint32_t end;  // bytes written
  uint32_t capacity;
  uint8_t pool;
  uint8_t* data() { return reinterpret_cast<uint8_t*>(this + 1); }
};

namespace {

constexpr uint32_t kSizes[] = {512, 4096, 16384};
constexpr uint32_t kPooled[] = {4096, 512, 256};  // blocks kept for reuse: 2 + 2 + 4 MiB a thread at most

}  // namespace

// Free blocks of this thread. Blocks are plain memory: one that was taken in another thread may be given back here.
struct BlockPools {
  void* free[3] = {nullptr, nullptr, nullptr};
  uint32_t count[3] = {0, 0, 0};
  ~BlockPools() {
    for (void*& list : free)
      while (list != nullptr) {
        void* next = *static_cast<void**>(list);
        std::free(list);
        list = next;
      }
  }
};

static thread_local BlockPools pools;

Pipe::Block* Pipe::take(size_t size) {
  const uint8_t pool = size <= kSizes[0] ? 0 : size <= kSizes[1] ? 1 : 2;
  void* memory = pools.free[pool];
  if (memory != nullptr) {
    pools.free[pool] = *static_cast<void**>(memory);
    --pools.count[pool];
  } else {
    memory = std::malloc(sizeof(Block) + kSizes[pool]);
    if (memory == nullptr) throw std::bad_alloc();
  }
  return new (memory) Block{nullptr, 0, kSizes[pool], pool};
}

void Pipe::give(Block* block) {
  const uint8_t pool = block->pool;
  if (pools.count[pool] >= kPooled[pool]) return std::free(block);
  *reinterpret_cast<void**>(block) = pools.free[pool];
  pools.free[pool] = block;
  ++pools.count[pool];
}

void Pipe::append(const uint8_t* data, size_t size) {
  unread_ += size;
  while (size > 0) {
    if (tail_ == nullptr || tail_->end == tail_->capacity) {
      Block* block = take(size);
      (tail_ == nullptr ? head_ : tail_->next) = block;
      tail_ = block;
    }
    const size_t part = std::min<size_t>(size, tail_->capacity - tail_->end);
    std::memcpy(tail_->data() + tail_->end, data, part);
    tail_->end += static_cast<uint32_t>(part);
    data += part;
    size -= part;
  }
}

void Pipe::read(uint8_t* to, size_t size) {
  unread_ -= size;
  kept_ += size;
  if (cursor_ == nullptr) cursor_ = head_;
  while (size > 0) {
    if (offset_ == cursor_->end) {
      cursor_ = cursor_->next;
      offset_ = 0;
    }
    const size_t part = std::min<size_t>(size, cursor_->end - offset_);
    std::memcpy(to, cursor_->data() + offset_, part);
    to += part;
    offset_ += static_cast<uint32_t>(part);
    size -= part;
  }
  if (!keep_) drop_read();
}

// Frees the blocks that were read whole.
void Pipe::drop_read() {
  kept_ = 0;
  if (cursor_ == nullptr) return;
  while (head_ != cursor_) {
    Block* next = head_->next;
    give(head_);
    head_ = next;
  }
  if (unread_ == 0) {
    give(head_);
    head_ = cursor_ = tail_ = nullptr;
    offset_ = 0;
  }
}

void Pipe::rewind() {
  unread_ += kept_;
  kept_ = 0;
  cursor_ = nullptr;
  offset_ = 0;
}

void Pipe::forget() {
  keep_ = false;
  drop_read();
}

void Pipe::clear() {
  while (head_ != nullptr) {
    Block* next = head_->next;
    give(head_);
    head_ = next;
  }
  cursor_ = tail_ = nullptr;
  offset_ = 0;
  unread_ = kept_ = 0;
  ended_ = keep_ = false;
}

}  // namespace tidegate
