// How a connection ends: in good order, with an error, or at once.
#include <cstring>

#include "engine/connection.h"
#include "engine/session.h"

namespace tidegate {

// Everything is said. A peer that still sends would get a TCP reset in place of our GOAWAY if we closed the socket with
// its bytes unread; so we stop writing, and read on for a while.
void Connection::linger() {
  if (lingering_) return;
  if (streams_ == 0 && role_ == Role::client) return close(why_);
  lingering_ = true;
  lose_streams(CloseCause::lost);
  transport_.end_writing();
  loop_.arm(timer_, loop_.now() + kSecond);
}

void Connection::lose_streams(CloseCause cause) {
  while (first_ != nullptr) drop_stream(*first_, cause, NGHTTP2_INTERNAL_ERROR);
}

void Connection::shutdown() {
  if (!transport_ || shutting_down_) return;
  shutting_down_ = true;
  why_ = "shut down";
  if (role_ == Role::client || connecting_) {
    going_away_ = shutdown_final_ = true;
    nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, nullptr, 0);
    if (streams_ == 0) fail(NGHTTP2_NO_ERROR, why_);
  } else {
    // RFC 9113 §6.8: first a GOAWAY that still allows all streams, then, a round trip later, the one that counts.
    nghttp2_submit_shutdown_notice(session_);
    nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, kShutdownPing);
    check_later();
  }
  loop_.dirty(*this);
}

// The GOAWAY that counts: streams up to the last that we have seen are served, later ones were never begun.
void Connection::finish_shutdown() {
  if (!shutting_down_ || shutdown_final_) return;
  shutdown_final_ = true;
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_),
                        NGHTTP2_NO_ERROR, nullptr, 0);
  loop_.dirty(*this);
}

void Connection::fail(uint32_t error_code, const char* why) {
  if (!transport_ || failing_) return;
  failing_ = true;
  why_ = why;
  const auto* debug = reinterpret_cast<const uint8_t*>(why);
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_), error_code,
                        error_code == NGHTTP2_NO_ERROR ? nullptr : debug,
                        error_code == NGHTTP2_NO_ERROR ? 0 : std::strlen(why));
  loop_.arm(timer_, loop_.now() + kSecond);  // a peer that does not read it is not waited for
  loop_.dirty(*this);
}

void Connection::abort(const char* why) {
  if (!in_session_) return close(why);
  aborting_ = true;
  why_ = why;
  loop_.dirty(*this);
}

void Connection::close(const char* why) {
  if (!transport_) return;
  const bool never = connecting_;
  if (role_ == Role::client && why == why_ && !shutting_down_ && !failing_) why = "connection closed by the peer";
  loop_.unwatch(transport_.fd());
  loop_.forget(*this);
  transport_.close();
  timer_.cancel();
  lose_streams(never ? CloseCause::connecting : CloseCause::lost);
  owner_.on_closed(*this, why);
}

}  // namespace tidegate
