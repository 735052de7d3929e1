#include "engine/guard.h"

#include <nghttp2/nghttp2.h>

namespace tidegate {

// All counts are of the current second; they start again together.
void Guard::roll(Nanos now) {
  if (now < window_ends_) return;
  window_ends_ = now + kSecond;
  data_sent_ = settings_ = pings_ = priorities_ = window_updates_ = empty_data_ = fast_resets_ = errors_ = 0;
}

const char* Guard::frame_received(const Limits& limits, uint8_t type, uint8_t flags, size_t length, Nanos now) {
  roll(now);
  switch (type) {
    case NGHTTP2_DATA: {
      const bool wasteful = length == 0 && (flags & NGHTTP2_FLAG_END_STREAM) == 0;
      return wasteful && ++empty_data_ > limits.empty_data_per_s ? "too_many_empty_data" : nullptr;
    }
    case NGHTTP2_SETTINGS:
      if (flags & NGHTTP2_FLAG_ACK) return nullptr;
      return ++settings_ > limits.settings_per_s ? "too_many_settings" : nullptr;
    case NGHTTP2_PING:
      return ++pings_ > limits.pings_per_s ? "too_many_pings" : nullptr;
    case NGHTTP2_PRIORITY:
      return ++priorities_ > limits.priorities_per_s ? "too_many_priorities" : nullptr;
    case NGHTTP2_WINDOW_UPDATE:
      return ++window_updates_ > limits.window_updates_per_s + 10 * data_sent_ ? "too_many_window_updates" : nullptr;
    case NGHTTP2_HEADERS:
    case NGHTTP2_CONTINUATION:  // nghttp2 limits how many follow one HEADERS
    case NGHTTP2_RST_STREAM:
    case NGHTTP2_GOAWAY:
    case NGHTTP2_PUSH_PROMISE:
      return nullptr;
    default:
      return nullptr;
  }
}

const char* Guard::ping_received(const Limits& limits, Nanos now) {
  const bool soon = last_ping_ != 0 && now - last_ping_ < seconds(limits.ping_min_interval_s);
  last_ping_ = now;
  return soon && ++ping_strikes_ > limits.ping_strikes ? "too_many_pings" : nullptr;
}

const char* Guard::stream_reset_by_peer(const Limits& limits, Nanos opened_at, Nanos now) {
  roll(now);
  if (now - opened_at >= kSecond) return nullptr;
  return ++fast_resets_ > limits.fast_resets_per_s ? "too_many_resets" : nullptr;
}

const char* Guard::stream_reset_by_us(const Limits& limits, Nanos now) {
  roll(now);
  return ++errors_ > limits.errors_per_s ? "too_many_stream_errors" : nullptr;
}

}  // namespace tidegate
