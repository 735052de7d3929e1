#include "engine/session.h"

#include <algorithm>

#include "engine/connection.h"
#include "engine/stream.h"
#include "engine/write_buffer.h"

namespace tidegate {

const uint8_t kShutdownPing[8] = {'t', 'i', 'd', 'e', 'g', 'o', 'n', 'e'};

// nghttp2's C callbacks; a friend of Connection and Stream.
struct Callbacks {
  static Connection& self(void* user) { return *static_cast<Connection*>(user); }
  static Stream* stream_of(nghttp2_session* session, int32_t id) {
    return static_cast<Stream*>(nghttp2_session_get_stream_user_data(session, id));
  }

  // What RFC 9113 calls connection errors and nghttp2 reads over. §6.3: PRIORITY is of a stream. §5.1.1: new streams go
  // up; HEADERS of a lower one that isn't open, and that doesn't end it as trailers do, would open it again.
  static void check_stream_id(Connection& c, nghttp2_session* session, const nghttp2_frame_hd* hd) {
    if (hd->type == NGHTTP2_PRIORITY && hd->stream_id == 0) c.fail(NGHTTP2_PROTOCOL_ERROR, "PRIORITY: stream_id == 0");
    if (hd->type != NGHTTP2_HEADERS) return;
    const bool lower = hd->stream_id <= c.highest_stream_ && (hd->flags & NGHTTP2_FLAG_END_STREAM) == 0;
    if (lower && nghttp2_session_find_stream(session, hd->stream_id) == nullptr)
      c.fail(NGHTTP2_PROTOCOL_ERROR, "HEADERS: stream_id is not above the last");
    c.highest_stream_ = std::max(c.highest_stream_, hd->stream_id);
  }

  // The stream of the frame that comes in is looked up once; callbacks of the same frame find it in `receiving_`.
  static int on_begin_frame(nghttp2_session* session, const nghttp2_frame_hd* hd, void* user) {
    Connection& c = self(user);
    c.receiving_ = hd->stream_id != 0 ? stream_of(session, hd->stream_id) : nullptr;
    if (hd->type != NGHTTP2_CONTINUATION) c.headers_since_ = 0;  // a header block that was ignored tells no end
    if (c.role_ == Connection::Role::server) check_stream_id(c, session, hd);
    c.abused(c.guard_.frame_received(c.limits_, hd->type, hd->flags, hd->length, c.loop_.now()));
    return 0;
  }

  static int on_begin_headers(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    Connection& c = self(user);
    c.headers_since_ = c.loop_.now();
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    if (c.failing_) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    Stream* stream = c.add_stream(frame->hd.stream_id);
    nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, stream);
    stream->handler_ = &c.owner_.on_stream(*stream);
    c.receiving_ = stream;
    return 0;
  }

  static int on_header(nghttp2_session*, const nghttp2_frame*, nghttp2_rcbuf* name, nghttp2_rcbuf* value, uint8_t flags,
                       void* user) {
    Stream* stream = self(user).receiving_;
    if (stream == nullptr || stream->oversized_) return 0;
    stream->incoming_.add(name, value, flags);
    if (stream->incoming_.bytes() > self(user).limits_.max_header_bytes) {
      stream->oversized_ = true;
      stream->incoming_.clear();
    }
    return 0;
  }

  static void on_headers(Connection& c, const nghttp2_frame* frame) {
    c.headers_since_ = 0;
    Stream* stream = c.receiving_;
    if (stream == nullptr) return;
    if (stream->oversized_) {
      c.abused(c.guard_.stream_reset_by_us(c.limits_, c.loop_.now()));
      return stream->reset(NGHTTP2_ENHANCE_YOUR_CALM);
    }
    const bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    const bool interim = c.role_ == Connection::Role::client && !stream->has_headers_ &&
                         stream->incoming_.find(":status").substr(0, 1) == "1";
    if (end) stream->ended_ = true;
    if (interim) {
      stream->incoming_.clear();
    } else if (!stream->has_headers_) {
      stream->has_headers_ = true;
      stream->handler_->on_headers(*stream, stream->incoming_, end);
    } else {
      stream->handler_->on_trailers(*stream, stream->incoming_);
      if (end) stream->handler_->on_end(*stream);
    }
    stream->incoming_.clear();
  }

  static void on_settings(Connection& c, nghttp2_session* session) {
    c.max_streams_ = nghttp2_session_get_remote_settings(session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    if (c.handshaken_) return;
    c.handshaken_ = true;
    c.check_later();
    if (c.role_ == Connection::Role::client) c.owner_.on_ready(c);
  }

  static void on_ping(Connection& c, const nghttp2_frame* frame) {
    if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) {
      if (c.role_ == Connection::Role::server) c.abused(c.guard_.ping_received(c.limits_, c.loop_.now()));
    } else if (std::memcmp(frame->ping.opaque_data, kShutdownPing, sizeof kShutdownPing) == 0) {
      c.finish_shutdown();
    } else {
      c.ping_sent_ = 0;
    }
  }

  static int on_frame_recv(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    Connection& c = self(user);
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
        on_headers(c, frame);
        break;
      case NGHTTP2_DATA:
        if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) {
          if (frame->data.padlen > 0 && frame->hd.length == frame->data.padlen)
            c.abused(c.guard_.empty_data_received(c.limits_, c.loop_.now()));
        } else if (Stream* stream = c.receiving_; stream != nullptr) {
          stream->ended_ = true;
          stream->handler_->on_end(*stream);
        }
        break;
      case NGHTTP2_RST_STREAM:
        if (Stream* stream = c.receiving_; stream != nullptr && c.role_ == Connection::Role::server)
          c.abused(c.guard_.stream_reset_by_peer(c.limits_, stream->opened_at_, c.loop_.now()));
        break;
      case NGHTTP2_SETTINGS:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) on_settings(c, session);
        break;
      case NGHTTP2_PING:
        on_ping(c, frame);
        break;
      case NGHTTP2_GOAWAY:
        if (c.role_ == Connection::Role::client && !c.going_away_) {
          c.going_away_ = true;
          c.owner_.on_going_away(c);
        }
        break;
      default:
        break;
    }
    return 0;
  }

  // A header block that is malformed or of a refused stream ends here, not in on_frame_recv.
  static int on_invalid_frame(nghttp2_session*, const nghttp2_frame* frame, int, void* user) {
    if (frame->hd.type == NGHTTP2_HEADERS) self(user).headers_since_ = 0;
    return 0;
  }

  static int on_data_chunk(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* data, size_t size,
                           void* user) {
    Stream* stream = self(user).receiving_;
    if (stream == nullptr) {
      nghttp2_session_consume(session, id, size);
      return 0;
    }
    self(user).received(*stream, size);
    stream->handler_->on_data(*stream, data, size);
    return 0;
  }

  static int on_stream_close(nghttp2_session* session, int32_t id, uint32_t error_code, void* user) {
    Stream* stream = stream_of(session, id);
    if (stream == nullptr) return 0;
    // Headers that end a stream close it before our reset of it leaves.
    if (stream->oversized_ && error_code == NGHTTP2_NO_ERROR) error_code = NGHTTP2_ENHANCE_YOUR_CALM;
    CloseCause cause = CloseCause::reset;
    if (error_code == NGHTTP2_NO_ERROR && stream->ended_) cause = CloseCause::finished;
    if (error_code == NGHTTP2_REFUSED_STREAM && !stream->reset_by_us_) cause = CloseCause::refused;
    self(user).drop_stream(*stream, cause, error_code);
    return 0;
  }

  static int on_frame_send(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    Connection& c = self(user);
    const uint8_t type = frame->hd.type;
    if (type == NGHTTP2_DATA) c.guard_.data_sent();
    if (type == NGHTTP2_HEADERS) c.guard_.headers_sent();
    if ((type == NGHTTP2_DATA || type == NGHTTP2_HEADERS) && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) {
      Stream* stream = stream_of(session, frame->hd.stream_id);
      if (stream == nullptr) return 0;
      stream->sent_all_ = true;
      // RFC 9113 §8.1: a complete response before the end of the request asks the client to stop sending.
      if (c.role_ == Connection::Role::server && !stream->ended_) stream->reset(NGHTTP2_NO_ERROR);
    }
    if (type == NGHTTP2_RST_STREAM && c.role_ == Connection::Role::server &&
        frame->rst_stream.error_code != NGHTTP2_REFUSED_STREAM) {
      Stream* stream = stream_of(session, frame->hd.stream_id);
      if (stream == nullptr || !stream->reset_by_us_)
        c.abused(c.guard_.stream_reset_by_us(c.limits_, c.loop_.now()));  // nghttp2 did it: the peer's fault
    }
    return 0;
  }

  static int on_frame_not_send(nghttp2_session*, const nghttp2_frame* frame, int error, void* user) {
    if (frame->hd.type != NGHTTP2_HEADERS) return 0;
    Connection& c = self(user);
    Stream* stream = c.find(frame->hd.stream_id);
    if (stream == nullptr) return 0;
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
      c.drop_stream(*stream, stream->reset_by_us_ ? CloseCause::reset : CloseCause::not_sent, NGHTTP2_NO_ERROR);
    } else if (error != NGHTTP2_ERR_STREAM_CLOSED && error != NGHTTP2_ERR_STREAM_CLOSING) {
      stream->reset(NGHTTP2_INTERNAL_ERROR);  // a header block that can't be sent
    }
    return 0;
  }

  static ssize_t read_body(nghttp2_session* session, int32_t id, uint8_t*, size_t length, uint32_t* flags,
                           nghttp2_data_source* source, void*) {
    auto* stream = static_cast<Stream*>(source->ptr);
    const Pipe& body = *stream->body_;
    const size_t size = std::min(length, body.unread());
    if (size == 0 && !body.ended()) {
      stream->deferred_ = true;
      return NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (body.ended() && size == body.unread()) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      if (stream->trailers_ != nullptr) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        nghttp2_submit_trailer(session, id, stream->trailers_->data(), stream->trailers_->size());
      }
    }
    return static_cast<ssize_t>(size);
  }

  static int send_data(nghttp2_session*, nghttp2_frame*, const uint8_t* head, size_t length,
                       nghttp2_data_source* source, void*) {
    auto* stream = static_cast<Stream*>(source->ptr);
    WriteBuffer& out = write_buffer();
    out.append(head, 9);
    if (length == 0) return 0;
    stream->body_->read(out.extend(length), length);
    stream->handler_->on_sent(*stream, length);
    return 0;
  }
};

namespace {

nghttp2_session_callbacks* new_callbacks() {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, Callbacks::on_begin_frame);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, Callbacks::on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback2(callbacks, Callbacks::on_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Callbacks::on_frame_recv);
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, Callbacks::on_invalid_frame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Callbacks::on_data_chunk);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Callbacks::on_stream_close);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, Callbacks::on_frame_send);
  nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, Callbacks::on_frame_not_send);
  nghttp2_session_callbacks_set_send_data_callback(callbacks, Callbacks::send_data);
  return callbacks;
}

}  // namespace

nghttp2_session* new_session(bool server, const Limits& limits, Connection* connection, MemoryPool& memory) {
  static nghttp2_session_callbacks* const callbacks = new_callbacks();
  nghttp2_option* option = nullptr;
  nghttp2_option_new(&option);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_closed_streams(option, 1);
  nghttp2_option_set_max_outbound_ack(option, limits.max_outbound_control);
  // nghttp2's own limit (33 resets a second in the long run, whatever their age) would cut off clients whose deadlines
  // pass; Guard counts those that are abuse.
  nghttp2_option_set_stream_reset_rate_limit(option, UINT64_MAX, UINT64_MAX);
  nghttp2_option_set_max_deflate_dynamic_table_size(option, 4096);
  nghttp2_session* session = nullptr;
  nghttp2_mem pool = memory.for_nghttp2();
  const int problem = server ? nghttp2_session_server_new3(&session, callbacks, connection, option, &pool)
                             : nghttp2_session_client_new3(&session, callbacks, connection, option, &pool);
  nghttp2_option_del(option);
  if (problem != 0) throw std::bad_alloc();
  return session;
}

int32_t submit_request(nghttp2_session* session, Stream& stream, const HeaderViews& headers, bool has_body) {
  nghttp2_data_provider provider{};
  provider.source.ptr = &stream;
  provider.read_callback = Callbacks::read_body;
  return nghttp2_submit_request(session, nullptr, headers.data(), headers.size(), has_body ? &provider : nullptr,
                                &stream);
}

void submit_response(nghttp2_session* session, Stream& stream, const HeaderViews& headers, bool has_body) {
  nghttp2_data_provider provider{};
  provider.source.ptr = &stream;
  provider.read_callback = Callbacks::read_body;
  nghttp2_submit_response(session, stream.id(), headers.data(), headers.size(), has_body ? &provider : nullptr);
}

}  // namespace tidegate
