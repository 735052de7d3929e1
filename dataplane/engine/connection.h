// An HTTP/2 connection, of either side: nghttp2's session over a socket, with limits, keepalive and an orderly end.
#pragma once

#include <nghttp2/nghttp2.h>


#include "engine/guard.h"
#include "engine/limits.h"
#include "engine/loop.h"
#include "engine/stream.h"
#include "engine/transport.h"

namespace tidegate {

class Connection;

// Who made the connection and owns it.
class ConnectionOwner {
 public:
  // Server: a peer opened a stream; its handler, never null.
  virtual StreamHandler& on_stream(Stream& stream) = 0;
  // Client: connected, and the peer's first SETTINGS are known. Called once.
  virtual void on_ready(Connection&) {}
  // Client: no new stream may be opened on it any more.
  virtual void on_going_away(Connection&) {}
  // The socket is closed, all streams were told. `why` is for people. Give the connection to Loop::retire().
  virtual void on_closed(Connection& connection, const char* why) = 0;

 protected:
  ~ConnectionOwner() = default;
};

class Connection final : public IoHandler, public Flushable, public Retired {
 public:
  enum class Role : uint8_t { server, client };

  // `connecting`: the socket's connect has not ended yet.
  Connection(Loop& loop, Role role, Fd fd, const Limits& limits, ConnectionOwner& owner, bool connecting = false);
  ~Connection() override;

  // Client: opens a stream. The headers must stay until on_close; `body` null: END_STREAM at once.
  // Null when no stream may be opened on this connection.
  Stream* open(const HeaderViews& headers, Pipe* body, StreamHandler& handler);
  // Client: whether open() will work, and without the stream having to wait for the peer's limit on streams.
  bool has_room() const { return usable() && streams_ < max_streams_; }
  bool usable() const { return transport_ && !going_away_; }
  bool connecting() const { return connecting_; }
  // The peer has sent its SETTINGS.
  bool ready() const { return handshaken_; }

  // Begins an orderly end: GOAWAY, streams in progress go on, and the connection closes after the last.
  void shutdown();
  // Ends it now: GOAWAY with the error, all streams lost.
  void fail(uint32_t error_code, const char* why);
  // Ends it at once, without a word to the peer.
  void abort(const char* why);

  size_t streams() const { return streams_; }
  Loop& loop() { return loop_; }
  const Limits& limits() const { return limits_; }
  Nanos opened_at() const { return opened_at_; }
  // State in bytes that a connection and a stream cost beside nghttp2's own, for the books.
  static size_t state_bytes();

  void on_io(uint32_t events) override;
  void flush() override;

 private:
  friend class Stream;
  friend struct Callbacks;

  void start_session();
  void connected();
  void receive(bool to_the_end);
  bool write_frames();
  void linger();
  void lose_streams(CloseCause cause);
  void finish_shutdown();
  void check_time();
  void check_later();
  void close(const char* why);
  Stream* add_stream(int32_t id);
  void drop_stream(Stream& stream, CloseCause cause, uint32_t error_code);
  Stream* find(int32_t id) const;
  void received(Stream& stream, size_t size);
  void credited(Stream& stream, size_t size);
  void abused(const char* why) { if (why != nullptr) fail(NGHTTP2_ENHANCE_YOUR_CALM, why); }

  Loop& loop_;
  const Limits& limits_;
  ConnectionOwner& owner_;
  Transport transport_;
  nghttp2_session* session_ = nullptr;
  Guard guard_;
  Timer timer_;
  Nanos opened_at_;
  Nanos last_received_;
  Nanos last_stream_;             // when the last stream ended
  Nanos headers_since_ = 0;       // a header block is coming in; 0: none
  Nanos ping_sent_ = 0;           // our keepalive, not yet answered; 0: none
  Nanos stuck_since_ = 0;         // bytes are pending, and the socket takes none; 0: it does
  Stream* first_ = nullptr;
  Stream* receiving_ = nullptr;   // whose frame is coming in
  size_t buffered_ = 0;           // received body bytes that our user still has
  size_t withheld_ = 0;           // connection credit that is not given while too much is buffered
  uint32_t streams_ = 0;
  uint32_t max_streams_ = 100;    // the peer's limit; nghttp2's own guess until its SETTINGS come
  int32_t highest_stream_ = 0;    // server: the highest number that the peer used
  Role role_;
  bool connecting_;
  bool handshaken_ = false;
  bool going_away_ = false;
  bool shutting_down_ = false;
  bool shutdown_final_ = false;
  bool failing_ = false;
  bool lingering_ = false;
  bool in_session_ = false;  // nghttp2 is at work: its streams must stay until it has ended
  bool aborting_ = false;
  const char* why_ = "closed by the peer";
};

}  // namespace tidegate
