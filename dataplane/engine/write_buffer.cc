#include "engine/write_buffer.h"

#include <algorithm>

namespace tidegate {

void WriteBuffer::grow(size_t size) {
  const size_t capacity = std::max(size, std::max<size_t>(capacity_ * 2, 256 * 1024));
  std::unique_ptr<uint8_t[]> data(new uint8_t[capacity]);
  if (size_ > 0) std::memcpy(data.get(), data_.get(), size_);
  data_ = std::move(data);
  capacity_ = capacity;
}

WriteBuffer& write_buffer() {
  static thread_local WriteBuffer buffer;
  return buffer;
}

}  // namespace tidegate
