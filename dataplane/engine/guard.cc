#include "engine/guard.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>

namespace tidegate {

// Counts are of the current second and start again together; credits are filled up to what a second allows.
void Guard::roll(const Limits& limits, Nanos now) {
  if (now < window_ends_) return;
  window_ends_ = now + kSecond;
  settings_ = priorities_ = empty_data_ = fast_resets_ = errors_ = 0;
  update_credit_ = std::max<uint64_t>(update_credit_, limits.window_updates_per_s);
  ping_credit_ = std::max<uint64_t>(ping_credit_, limits.pings_per_s);
}

const char* Guard::frame_received(const Limits& limits, uint8_t type, uint8_t flags, size_t length, Nanos now) {
  roll(limits, now);
  switch (type) {
    case NGHTTP2_DATA:
      return length == 0 && (flags & NGHTTP2_FLAG_END_STREAM) == 0 ? empty_data_received(limits, now) : nullptr;
    case NGHTTP2_SETTINGS:
      if (flags & NGHTTP2_FLAG_ACK) return nullptr;
      return ++settings_ > limits.settings_per_s ? "too_many_settings" : nullptr;
    case NGHTTP2_PING:
      return ping_credit_ == 0 ? "too_many_pings" : (--ping_credit_, nullptr);
    case NGHTTP2_GOAWAY:
    case NGHTTP2_PRIORITY:
      return ++priorities_ > limits.priorities_per_s ? "too_many_priorities" : nullptr;
    case NGHTTP2_WINDOW_UPDATE:
      return update_credit_ == 0 ? "too_many_window_updates" : (--update_credit_, nullptr);
    case NGHTTP2_HEADERS:
      update_credit_ += 10;
      return nullptr;
    case NGHTTP2_CONTINUATION:  // nghttp2 limits how many follow one HEADERS
    case NGHTTP2_RST_STREAM:
    case NGHTTP2_PUSH_PROMISE:
      return nullptr;
    default:
      return nullptr;
  }
}

const char* Guard::empty_data_received(const Limits& limits, Nanos now) {
  roll(limits, now);
  return ++empty_data_ > limits.empty_data_per_s ? "too_many_empty_data" : nullptr;
}

const char* Guard::ping_received(const Limits& limits, Nanos now) {
  const bool soon = last_ping_ != 0 && now - last_ping_ < seconds(limits.ping_min_interval_s);
  last_ping_ = now;
  return soon && ++ping_strikes_ > limits.ping_strikes ? "too_many_pings" : nullptr;
}

const char* Guard::stream_reset_by_peer(const Limits& limits, Nanos opened_at, Nanos now) {
  roll(limits, now);
  if (now - opened_at >= seconds(limits.fast_reset_s)) return nullptr;
  return ++fast_resets_ > limits.fast_resets_per_s ? "too_many_resets" : nullptr;
}

const char* Guard::stream_reset_by_us(const Limits& limits, Nanos now) {
  roll(limits, now);
  return ++errors_ > limits.errors_per_s ? "too_many_stream_errors" : nullptr;
}

}  // namespace tidegate
