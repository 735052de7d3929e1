// gRPC's message framing: each message is a flag (1: compressed), its length (4 bytes, big endian) and its bytes.
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
#pragma once

#include <cstddef>
#include <cstdint>

namespace tidegate {

// Follows messages through a byte stream, wherever it was cut.
class MessageCounter {
 public:
  struct Seen {
    uint32_t begun = 0;     // messages whose prefix became complete
    uint32_t finished = 0;  // messages whose last byte came
    uint32_t marked = 0;    // of the finished: first byte is `mark`
  };
  static constexpr size_t kPrefixBytes = 5;

  explicit MessageCounter(uint8_t mark = 0) : mark_(mark) {}
  Seen feed(const uint8_t* data, size_t size);

 private:
  uint32_t left_ = 0;    // payload bytes still to come
  uint32_t length_ = 0;  // while the prefix comes in
  uint8_t prefix_ = 0;   // bytes of the prefix that came
  uint8_t mark_;
  bool first_ = false;  // the next byte is the payload's first
  bool marked_ = false;
};

}  // namespace tidegate
