// Counts what a peer does that costs us more than it costs the peer. PURE: time is passed in.
#pragma once

#include <cstdint>

#include "engine/limits.h"
#include "engine/timers.h"

namespace tidegate {

class Guard {
 public:
  // Each returns null while the peer behaves, else the reason to cut it off (goes into GOAWAY's debug data).
  const char* frame_received(const Limits& limits, uint8_t type, uint8_t flags, size_t length, Nanos now);
  const char* ping_received(const Limits& limits, Nanos now);
  const char* stream_reset_by_peer(const Limits& limits, Nanos opened_at, Nanos now);
  const char* stream_reset_by_us(const Limits& limits, Nanos now);

  void data_sent() { ++data_sent_; ping_strikes_ = 0; }
  void headers_sent() { ping_strikes_ = 0; }

 private:
  void roll(Nanos now);

  Nanos window_ends_ = 0;
  Nanos last_ping_ = 0;
  uint32_t data_sent_ = 0;
  uint32_t settings_ = 0;
  uint32_t pings_ = 0;
  uint32_t priorities_ = 0;
  uint32_t window_updates_ = 0;
  uint32_t empty_data_ = 0;
  uint32_t fast_resets_ = 0;
  uint32_t errors_ = 0;
  uint32_t ping_strikes_ = 0;
};

}  // namespace tidegate
