#include "grpc/framing.h"

#include <algorithm>

namespace tidegate {

MessageCounter::Seen MessageCounter::feed(const uint8_t* data, size_t size) {
  Seen seen;
  while (size > 0) {
    if (left_ == 0) {
      if (prefix_ > 0) length_ = length_ << 8 | *data;
      ++prefix_, ++data, --size;
      if (prefix_ < kPrefixBytes) continue;
      ++seen.begun;
      left_ = length_;
      first_ = true;
      marked_ = false;
      prefix_ = 0;
      length_ = 0;
      if (left_ == 0) ++seen.finished;
      continue;
    }
    if (first_) {
      marked_ = *data == mark_;
      first_ = false;
    }
    const auto part = static_cast<uint32_t>(std::min<size_t>(left_, size));
    left_ -= part;
    data += part;
    size -= part;
    if (left_ == 0) {
      ++seen.finished;
      seen.marked += marked_;
    }
  }
  return seen;
}

}  // namespace tidegate
