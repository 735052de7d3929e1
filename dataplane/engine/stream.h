// One HTTP/2 stream of a connection, seen from its user.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <memory>

#include "engine/headers.h"
#include "engine/pipe.h"
#include "engine/timers.h"

namespace tidegate {

class Connection;
class Stream;

enum class CloseCause : uint8_t {
  finished,    // both sides ended it
  reset,       // by the peer or by us
  refused,     // the peer says that it has not begun (REFUSED_STREAM, or GOAWAY below this stream)
  not_sent,    // the request never left
  lost,        // the connection broke
  connecting,  // there never was a connection
};

// Whoever handles a stream. Must outlive the stream, that is: stay until on_close was called.
class StreamHandler {
 public:
  // Request headers (on the server side) or final response headers. `end`: nothing follows.
  virtual void on_headers(Stream& stream, HeaderList& headers, bool end) = 0;
  virtual void on_data(Stream& stream, const uint8_t* data, size_t size) = 0;
  virtual void on_trailers(Stream& stream, HeaderList& trailers) = 0;
  // The peer will send nothing more; follows on_trailers when there were some. Not called after on_headers with `end`.
  virtual void on_end(Stream& stream) = 0;
  // `size` bytes of the outgoing pipe are on their way to the socket.
  virtual void on_sent(Stream& stream, size_t size) = 0;
  // Nothing is called after this, and the stream must not be touched again.
  virtual void on_close(Stream& stream, CloseCause cause, uint32_t error_code) = 0;

 protected:
  ~StreamHandler() = default;
};

class Stream {
 public:
  int32_t id() const { return id_; }
  Connection& connection() { return *connection_; }

  // Server: sends response headers; the body is what comes out of `body`, null for none. The pipe and everything that
  // the headers point to must stay until on_close.
  void respond(const HeaderViews& headers, Pipe* body);
  // Trailers to follow the body; the vector must stay until on_close. Set before the pipe ends.
  void set_trailers(const HeaderViews* trailers) { trailers_ = trailers; }
  // There is news in the pipe: bytes, or its end.
  void resume();
  void reset(uint32_t error_code);
  // `size` received bytes are no longer kept here: the peer may send as many more.
  void credit(size_t size);
  // Whether everything of ours, its end included, went to the socket.
  bool sent_all() const { return sent_all_; }

 private:
  friend class Connection;
  friend struct Callbacks;

  static std::unique_ptr<Stream> take();
  static void give_back(std::unique_ptr<Stream> stream);

  Connection* connection_ = nullptr;
  StreamHandler* handler_ = nullptr;
  Stream* previous_ = nullptr;  // among the connection's streams
  Stream* next_ = nullptr;
  Pipe* body_ = nullptr;
  const HeaderViews* trailers_ = nullptr;
  Nanos opened_at_ = 0;
  size_t uncredited_ = 0;
  int32_t id_ = 0;
  bool deferred_ = false;
  bool has_headers_ = false;  // final ones were received
  bool oversized_ = false;
  bool sent_all_ = false;
  bool ended_ = false;  // by the peer
  bool reset_by_us_ = false;
  HeaderList incoming_;
};

}  // namespace tidegate
