// nghttp2's session as Connection uses it: options and callbacks.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>

#include "engine/headers.h"
#include "engine/limits.h"
#include "engine/memory.h"

namespace tidegate {

class Connection;
class Stream;

nghttp2_session* new_session(bool server, const Limits& limits, Connection* connection, MemoryPool& memory);
// The new stream's id, or nghttp2's error.
int32_t submit_request(nghttp2_session* session, Stream& stream, const HeaderViews& headers, bool has_body);
void submit_response(nghttp2_session* session, Stream& stream, const HeaderViews& headers, bool has_body);

// Marks the ping that measures the round trip of an orderly shutdown.
extern const uint8_t kShutdownPing[8];

}  // namespace tidegate
