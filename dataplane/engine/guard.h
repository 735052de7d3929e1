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
  // A DATA frame with neither a byte nor END_STREAM; frame_received() sees those of length 0, padding hides others.
  const char* empty_data_received(const Limits& limits, Nanos now);
  const char* ping_received(const Limits& limits, Nanos now);
  const char* stream_reset_by_peer(const Limits& limits, Nanos opened_at, Nanos now);
  const char* stream_reset_by_us(const Limits& limits, Nanos now);

  // Honest peers measure the connection (pings) and open their windows (updates) for what they read and ask for: gRPC
  // C++ sends several WINDOW_UPDATEs for each stream that it opens, gRPC Go a PING for each burst of DATA.
  void data_sent() {
    update_credit_ += 10;
    ping_credit_ += 1;
    ping_strikes_ = 0;
  }
  void headers_sent() { ping_strikes_ = 0; }

 private:
  void roll(const Limits& limits, Nanos now);

  Nanos window_ends_ = 0;
  Nanos last_ping_ = 0;
  uint32_t settings_ = 0;
  uint32_t priorities_ = 0;
  uint64_t update_credit_ = 0;  // WINDOW_UPDATEs still welcome: what was earned stays
  uint64_t ping_credit_ = 0;
  uint32_t empty_data_ = 0;
  uint32_t fast_resets_ = 0;
  uint32_t errors_ = 0;
  uint32_t ping_strikes_ = 0;
};

}  // namespace tidegate
