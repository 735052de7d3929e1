#include "engine/limits.h"

#include "engine/check.h"

namespace tidegate {

namespace {

constexpr uint32_t kMostOfHttp2 = 0x7fff'ffff;      // RFC 9113 §6.5.2: window sizes
constexpr uint32_t kLeastConnectionWindow = 65'535;  // RFC 9113 §6.9.2: it can't be made smaller

}  // namespace

void validate(const Limits& limits, const std::string& whose) {
  const auto named = [&](const char* field) { return whose + "." + field; };
  check_range(named("max_streams"), limits.max_streams, 1u, kMostOfHttp2);
  check_range(named("stream_window_bytes"), limits.stream_window_bytes, 1u, kMostOfHttp2);
  check_range(named("connection_window_bytes"), limits.connection_window_bytes, kLeastConnectionWindow, kMostOfHttp2);
  check_range(named("connection_buffer_bytes"), limits.connection_buffer_bytes, size_t{1});
  check_range(named("max_header_bytes"), limits.max_header_bytes, 1u);
  check_duration(named("handshake_s"), limits.handshake_s);
  check_duration(named("headers_s"), limits.headers_s);
  check_duration(named("idle_s"), limits.idle_s);
  check_duration(named("keepalive_s"), limits.keepalive_s);
  check_duration(named("keepalive_timeout_s"), limits.keepalive_timeout_s);
  check_duration(named("write_stall_s"), limits.write_stall_s);
  check_range(named("settings_per_s"), limits.settings_per_s, 1u);
  check_range(named("pings_per_s"), limits.pings_per_s, 1u);
  check_range(named("priorities_per_s"), limits.priorities_per_s, 1u);
  check_range(named("window_updates_per_s"), limits.window_updates_per_s, 1u);
  check_range(named("empty_data_per_s"), limits.empty_data_per_s, 1u);
  check_range(named("fast_resets_per_s"), limits.fast_resets_per_s, 1u);
  check_duration(named("fast_reset_s"), limits.fast_reset_s);
  check_range(named("errors_per_s"), limits.errors_per_s, 1u);
  check_range(named("max_outbound_control"), limits.max_outbound_control, 1u);
  check_range(named("max_outbound_frames"), limits.max_outbound_frames, 1u);
  check_range(named("ping_min_interval_s"), limits.ping_min_interval_s, 0.0);
}

}  // namespace tidegate
