// nghttp2's session as Connection uses it: options, callbacks, and the buffer that frames are written into.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

#include "engine/headers.h"
#include "engine/limits.h"
#include "engine/memory.h"

namespace tidegate {

class Connection;
class Stream;

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

nghttp2_session* new_session(bool server, const Limits& limits, Connection* connection, MemoryPool& memory);
// The new stream's id, or nghttp2's error.
int32_t submit_request(nghttp2_session* session, Stream& stream, const HeaderViews& headers, bool has_body);
void submit_response(nghttp2_session* session, Stream& stream, const HeaderViews& headers, bool has_body);

// Marks the ping that measures the round trip of an orderly shutdown.
extern const uint8_t kShutdownPing[8];

}  // namespace tidegate
