// Where nghttp2's frames are put together before they go to the socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

namespace tidegate {

// Frames of one flush; one per thread, empty between flushes.
class WriteBuffer {
 public:
  void clear() { size_ = 0; }
  size_t size() const { return size_; }
  const uint8_t* data() const { return data_.get(); }
  void append(const uint8_t* data, size_t size) { std::memcpy(extend(size), data, size); }
  // Room for `size` more bytes, to be filled by the caller.
  uint8_t* extend(size_t size) {
    if (size_ + size > capacity_) grow(size_ + size);
    uint8_t* at = data_.get() + size_;
    size_ += size;
    return at;
  }

 private:
  void grow(size_t size);
  std::unique_ptr<uint8_t[]> data_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

WriteBuffer& write_buffer();

}  // namespace tidegate
