// What one connection may cost us. Every limit is a setting; the defaults are documented in dataplane/README.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace tidegate {

struct Limits {
  // Memory.
  uint32_t max_streams = 1024;                        // of one peer at a time; more are refused (REFUSED_STREAM)
  uint32_t stream_window_bytes = 256 * 1024;          // body bytes of one stream that may wait here, each way
  uint32_t connection_window_bytes = 4 * 1024 * 1024;
  size_t connection_buffer_bytes = 64 * 1024 * 1024;  // above it a connection gets no more credit
  uint32_t max_header_bytes = 16 * 1024;              // names + values + 32 each, as RFC 9113 §6.5.2 counts

  // Time.
  double handshake_s = 10;          // until the peer's preface and SETTINGS
  double headers_s = 10;            // from a header block's first frame to its last
  double idle_s = 3600;             // without a stream; then GOAWAY
  double keepalive_s = 7200;        // without a byte from the peer; then PING (gRFC A9's default)
  double keepalive_timeout_s = 20;  // without an answer to it; then the connection is lost
  double write_stall_s = 60;        // with bytes to send and none taken by the peer; then the connection is lost

  // Abuse: more than this within one second ends the connection with ENHANCE_YOUR_CALM.
  uint32_t settings_per_s = 100;
  uint32_t pings_per_s = 100;                 // and 1 for each DATA frame that we send
  uint32_t priorities_per_s = 2000;           // and other frames without an effect
  uint32_t window_updates_per_s = 2000;       // and 10 for each stream and for each DATA frame that we send
  uint32_t empty_data_per_s = 200;            // DATA frames that neither carry a byte nor end a stream
  uint32_t fast_resets_per_s = 500;           // streams that the peer opens and resets at once (CVE-2023-44487),
  double fast_reset_s = 0.1;                  // that is, within this: later it may be a client's deadline, for many alike
  uint32_t errors_per_s = 500;                // streams that we had to reset for the peer's fault (REFUSED_STREAM is none)
  uint32_t max_outbound_control = 1000;       // answers to SETTINGS and PING that the peer does not read
  uint32_t max_outbound_frames = 10'000;      // frames of any kind but DATA that it does not read

  // gRFC A8: a ping sooner than this after the last, with nothing sent between, is a strike; one more strike than
  // allowed is answered by GOAWAY "too_many_pings".
  double ping_min_interval_s = 10;
  uint32_t ping_strikes = 2;
};

// Throws std::invalid_argument that names the first field out of its range; `whose` stands before the field.
void validate(const Limits& limits, const std::string& whose);

}  // namespace tidegate
