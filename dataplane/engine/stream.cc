#include "engine/stream.h"

#include <algorithm>
#include <vector>

#include "engine/connection.h"
#include "engine/session.h"

namespace tidegate {

namespace {

constexpr size_t kMostIdle = 4096;
// Stream objects of this thread, used again and again: their vectors keep their room.
thread_local std::vector<std::unique_ptr<Stream>> idle;

}  // namespace

std::unique_ptr<Stream> Stream::take() {
  if (idle.empty()) return std::make_unique<Stream>();
  std::unique_ptr<Stream> stream = std::move(idle.back());
  idle.pop_back();
  return stream;
}

void Stream::give_back(std::unique_ptr<Stream> stream) {
  HeaderList kept(std::move(stream->incoming_));
  kept.clear();
  *stream = Stream();
  stream->incoming_.swap(kept);
  if (idle.size() < kMostIdle) idle.push_back(std::move(stream));
}

void Stream::credit(size_t size) {
  size = std::min(size, uncredited_);
  uncredited_ -= size;
  connection_->credited(*this, size);
}

void Stream::respond(const HeaderViews& headers, Pipe* body) {
  body_ = body;
  submit_response(connection_->session_, *this, headers, body != nullptr);
  connection_->loop_.dirty(*connection_);
}

void Stream::resume() {
  if (!deferred_) return;
  deferred_ = false;
  nghttp2_session_resume_data(connection_->session_, id_);
  connection_->loop_.dirty(*connection_);
}

void Stream::reset(uint32_t error_code) {
  static Pipe nothing;  // neither bytes nor an end: the pipe may go to another stream from now on
  body_ = &nothing;
  reset_by_us_ = true;
  nghttp2_submit_rst_stream(connection_->session_, NGHTTP2_FLAG_NONE, id_, error_code);
  connection_->loop_.dirty(*connection_);
}

}  // namespace tidegate
