#include "engine/connection.h"

#include <algorithm>
#include <cstring>

#include "engine/session.h"
#include "engine/write_buffer.h"

namespace tidegate {

namespace {

constexpr int kReadsPerTurn = 4;            // then others have their turn
constexpr size_t kWriteBytes = 128 * 1024;  // frames are made for this much, then written
constexpr uint32_t kLastStreamId = 0x7fff'ff00;

}  // namespace

size_t Connection::state_bytes() { return sizeof(Connection); }

Connection::Connection(Loop& loop, Role role, Fd fd, const Limits& limits, ConnectionOwner& owner, bool connecting)
    : loop_(loop),
      limits_(limits),
      owner_(owner),
      transport_(std::move(fd)),
      timer_([](void* self) { static_cast<Connection*>(self)->check_time(); }, this),
      opened_at_(loop.now()),
      last_received_(loop.now()),
      last_stream_(loop.now()),
      role_(role),
      connecting_(connecting) {
  start_session();
  loop_.watch(transport_.fd(), *this, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
  check_later();
  loop_.dirty(*this);
}

Connection::~Connection() {
  if (session_ != nullptr) nghttp2_session_del(session_);
}

void Connection::start_session() {
  session_ = new_session(role_ == Role::server, limits_, this, loop_.memory());
  std::vector<nghttp2_settings_entry> settings{
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits_.max_streams},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits_.stream_window_bytes},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits_.max_header_bytes},
  };
  // Without the priority tree of RFC 7540 (deprecated by RFC 9113 §5.3) a stream costs less.
  if (role_ == Role::server)
    settings.push_back({NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1});
  else
    settings[0] = {NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<int32_t>(limits_.connection_window_bytes));
}

void Connection::on_io(uint32_t events) {
  if (!transport_) return;
  if (connecting_) {
    if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == 0) return;
    if (transport_.connect() == Transport::State::failed) return close(transport_.error());
    connected();
  }
  if (events & EPOLLOUT) loop_.dirty(*this);
  if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) receive(events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR));
}

void Connection::connected() {
  connecting_ = false;
  last_received_ = loop_.now();
  loop_.dirty(*this);
}

void Connection::receive(bool to_the_end) {
  loop_.dirty(*this);
  for (int reads = 0; reads < kReadsPerTurn; ++reads) {
    const auto [state, got] = transport_.read(loop_.read_buffer(), Loop::kReadBufferBytes);
    if (state == Transport::State::blocked) return;
    if (state == Transport::State::failed) return close(transport_.error());
    if (got == 0) return close(why_);
    last_received_ = loop_.now();
    if (failing_) continue;  // what comes after our GOAWAY is read and forgotten, so that the peer gets to read it
    in_session_ = true;
    const ssize_t used = nghttp2_session_mem_recv(session_, loop_.read_buffer(), got);
    in_session_ = false;
    if (aborting_) return close(why_);
    if (used < 0) {
      if (used == NGHTTP2_ERR_BAD_CLIENT_MAGIC) return fail(NGHTTP2_PROTOCOL_ERROR, "not HTTP/2");
      const bool flood = used == NGHTTP2_ERR_FLOODED || used == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS;
      return fail(flood ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_INTERNAL_ERROR, nghttp2_strerror(static_cast<int>(used)));
    }
    if (stuck_since_ != 0 && nghttp2_session_get_outbound_queue_size(session_) > limits_.max_outbound_frames)
      return fail(NGHTTP2_ENHANCE_YOUR_CALM, "too_many_unread_frames");
    if (headers_since_ != 0) check_later();
    if (got < Loop::kReadBufferBytes && !to_the_end) return;  // edge-triggered: the rest rings again
  }
  loop_.again(*this);
}

// Has nghttp2 make frames and hands them to the socket. False when the rest must wait, or the connection has ended.
bool Connection::write_frames() {
  WriteBuffer& out = write_buffer();
  for (bool more = true; more;) {
    out.clear();
    while (more && out.size() < kWriteBytes) {
      const uint8_t* bytes = nullptr;
      in_session_ = true;
      const ssize_t size = nghttp2_session_mem_send(session_, &bytes);
      in_session_ = false;
      if (aborting_) return close(why_), false;
      if (size < 0) return fail(NGHTTP2_INTERNAL_ERROR, nghttp2_strerror(static_cast<int>(size))), false;
      if (size > 0) out.append(bytes, static_cast<size_t>(size));
      more = size > 0;
    }
    if (out.size() == 0) break;
    const Transport::State state = transport_.write(out.data(), out.size());
    if (state == Transport::State::failed) return close(transport_.error()), false;
    if (state == Transport::State::blocked) {
      stuck_since_ = loop_.now();
      check_later();
      return false;  // EPOLLOUT calls again
    }
  }
  return true;
}

void Connection::flush() {
  if (!transport_ || lingering_) return;
  if (aborting_) return close(why_);
  if (connecting_) return;
  const size_t pending = transport_.pending();
  switch (transport_.write_pending()) {
    case Transport::State::failed:
      return close(transport_.error());
    case Transport::State::blocked:
      if (transport_.pending() < pending) stuck_since_ = loop_.now();
      return;
    case Transport::State::done:
      stuck_since_ = 0;
      break;
  }
  if (!write_frames()) return;
  if (failing_) return linger();
  const bool done = nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0;
  if (done && (!shutting_down_ || shutdown_final_)) close(why_);
}

// One timer does all that a connection must watch. It is not moved when something happens: it looks, and sleeps on.
void Connection::check_later() {
  if (failing_) return;  // its last second runs
  Nanos next = last_received_ + seconds(ping_sent_ != 0 ? limits_.keepalive_timeout_s : limits_.keepalive_s);
  if (ping_sent_ != 0) next = ping_sent_ + seconds(limits_.keepalive_timeout_s);
  if (!handshaken_) next = std::min(next, opened_at_ + seconds(limits_.handshake_s));
  if (headers_since_ != 0) next = std::min(next, headers_since_ + seconds(limits_.headers_s));
  next = std::min(next, (streams_ == 0 ? last_stream_ : loop_.now()) + seconds(limits_.idle_s));
  if (stuck_since_ != 0) next = std::min(next, stuck_since_ + seconds(limits_.write_stall_s));
  if (shutting_down_ && !shutdown_final_) next = std::min(next, loop_.now() + kSecond);
  loop_.arm(timer_, next);
}

void Connection::check_time() {
  const Nanos now = loop_.now();
  if (failing_) return close(why_);
  if (!handshaken_ && now >= opened_at_ + seconds(limits_.handshake_s))
    return connecting_ ? close("connect timed out") : fail(NGHTTP2_SETTINGS_TIMEOUT, "no SETTINGS in time");
  if (headers_since_ != 0 && now >= headers_since_ + seconds(limits_.headers_s))
    return fail(NGHTTP2_ENHANCE_YOUR_CALM, "headers too slow");
  if (ping_sent_ != 0 && now >= ping_sent_ + seconds(limits_.keepalive_timeout_s))
    return close("keepalive ping not answered");
  if (stuck_since_ != 0 && now >= stuck_since_ + seconds(limits_.write_stall_s))
    return close("the peer takes no bytes (write_stall_s)");
  if (shutting_down_) finish_shutdown();
  if (streams_ == 0 && handshaken_ && now >= last_stream_ + seconds(limits_.idle_s)) shutdown();
  if (ping_sent_ == 0 && handshaken_ && now >= last_received_ + seconds(limits_.keepalive_s)) {
    ping_sent_ = now;
    nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
    loop_.dirty(*this);
  }
  check_later();
}

Stream* Connection::add_stream(int32_t id) {
  std::unique_ptr<Stream> stream = Stream::take();
  stream->connection_ = this;
  stream->id_ = id;
  stream->opened_at_ = loop_.now();
  stream->next_ = first_;
  if (first_ != nullptr) first_->previous_ = stream.get();
  first_ = stream.get();
  ++streams_;
  return stream.release();
}

void Connection::drop_stream(Stream& stream, CloseCause cause, uint32_t error_code) {
  (stream.previous_ != nullptr ? stream.previous_->next_ : first_) = stream.next_;
  if (stream.next_ != nullptr) stream.next_->previous_ = stream.previous_;
  --streams_;
  last_stream_ = loop_.now();
  if (transport_ && stream.uncredited_ > 0) stream.credit(stream.uncredited_);
  if (stream.id_ != 0) nghttp2_session_set_stream_user_data(session_, stream.id_, nullptr);
  if (receiving_ == &stream) receiving_ = nullptr;
  std::unique_ptr<Stream> owned(&stream);
  if (stream.handler_ != nullptr) stream.handler_->on_close(stream, cause, error_code);
  Stream::give_back(std::move(owned));
  if (streams_ == 0 && transport_) {
    if (shutting_down_ && role_ == Role::client) fail(NGHTTP2_NO_ERROR, why_);
    else if (going_away_) loop_.dirty(*this);
  }
}

Stream* Connection::find(int32_t id) const {
  for (Stream* stream = first_; stream != nullptr; stream = stream->next_)
    if (stream->id_ == id) return stream;
  return nullptr;
}

Stream* Connection::open(const HeaderViews& headers, Pipe* body, StreamHandler& handler) {
  if (!usable()) return nullptr;
  Stream* stream = add_stream(0);
  stream->body_ = body;
  const int32_t id = submit_request(session_, *stream, headers, body != nullptr);
  if (id < 0) {
    drop_stream(*stream, CloseCause::not_sent, NGHTTP2_NO_ERROR);
    going_away_ = true;
    owner_.on_going_away(*this);
    return nullptr;
  }
  stream->id_ = id;
  stream->handler_ = &handler;
  if (static_cast<uint32_t>(id) > kLastStreamId) {  // numbers run out: the next requests need a new connection
    going_away_ = true;
    owner_.on_going_away(*this);
  }
  loop_.dirty(*this);
  return stream;
}

void Connection::received(Stream& stream, size_t size) {
  stream.uncredited_ += size;
  buffered_ += size;
  // A connection's own credit is returned at once, so that one slow stream doesn't stop the others; only when a
  // connection has filled its share of memory must it wait until something is passed on.
  if (buffered_ <= limits_.connection_buffer_bytes)
    nghttp2_session_consume_connection(session_, size);
  else
    withheld_ += size;
}

void Connection::credited(Stream& stream, size_t size) {
  buffered_ -= size;
  if (withheld_ > 0 && buffered_ <= limits_.connection_buffer_bytes) {
    nghttp2_session_consume_connection(session_, withheld_);
    withheld_ = 0;
    loop_.dirty(*this);
  }
  if (stream.ended_) return;  // its peer needs no more room in it
  nghttp2_session_consume_stream(session_, stream.id_, size);
  loop_.dirty(*this);
}

}  // namespace tidegate
