#include "proxy/exchange.h"

#include <algorithm>

#include "engine/connection.h"
#include "proxy/worker.h"

namespace tidegate {

Exchange::Exchange(Worker& worker)
    : worker_(worker), timer_([](void* self) { static_cast<Exchange*>(self)->on_timer(); }, this) {}

void Exchange::begin(Stream& down) {
  down_ = &down;
  arrived_at_ = progress_at_ = taken_at_ = worker_.loop().now();
  request_body_.keep();
  watch();
}

void Exchange::on_headers(Stream& stream, HeaderList& headers, bool end) {
  if (&stream == up_) return begin_response(headers, end);
  if (&stream != down_) return;
  request_.swap(headers);
  if (end) request_body_.end();
  read_head();
}

void Exchange::on_data(Stream& stream, const uint8_t* data, size_t size) {
  progress_at_ = worker_.loop().now();
  if (&stream == up_) return read_response(data, size);
  if (&stream != down_ || phase_ == Phase::done || reply_ended_) return stream.credit(size);
  request_body_.append(data, size);
  account();
  read_request(data, size);
}

void Exchange::on_trailers(Stream& stream, HeaderList& trailers) {
  if (&stream == up_) trailers_.swap(trailers);  // a client's trailers mean nothing in gRPC
}

void Exchange::on_end(Stream& stream) {
  if (&stream == down_) {
    request_body_.end();
    if (phase_ == Phase::reading && kind_ != RouteKind::refused) return no_model(ModelNameReader::State::absent);
    if (up_ != nullptr) up_->resume();
  } else if (&stream == up_) {
    if (phase_ != Phase::done) answered(trailers_);
  }
}

void Exchange::on_sent(Stream& stream, size_t size) {
  progress_at_ = worker_.loop().now();
  if (&stream == down_) taken_at_ = progress_at_;
  if (&stream == up_) {
    const RetrySettings& retry = worker_.policy().spec.retry;
    if (request_body_.keeps() &&
        (request_body_.held() > retry.buffer_bytes || worker_.counts().bytes_in_flight > retry.buffers_bytes))
      request_body_.forget();
    if (down_ != nullptr) down_->credit(size);
  } else if (&stream == down_ && up_ != nullptr) {
    up_->credit(size);
  }
  account();
}

void Exchange::on_close(Stream& stream, CloseCause cause, uint32_t error_code) {
  if (&stream == down_) {
    down_ = nullptr;
    leave();
    if (phase_ != Phase::done) {
      if (!reply_ended_ && deadline_passed()) {
        judge(Status::deadline_exceeded);
        count_end(upstream_ != nullptr || attempts_ > 0 ? Outcome::failed : Outcome::refused);
      } else {
        count_end(reply_ended_ ? Outcome::succeeded : Outcome::cancelled);
      }
      phase_ = Phase::done;
      end_lease();
    }
    if (up_ != nullptr) up_->reset(NGHTTP2_CANCEL);
  } else if (&stream == up_) {
    up_ = nullptr;
    upstream_closed(cause, error_code);
  } else {
    --ghosts_;
  }
  if (down_ == nullptr && up_ == nullptr && ghosts_ == 0) release();
}

// A client resets its request when its deadline passes, which is a little before we see it pass: its clock began earlier,
// and gRPC rounds a grpc-timeout up by at most 1 %.
bool Exchange::deadline_passed() const {
  if (deadline_ == kNever) return false;
  return worker_.loop().now() + 10 * kMillisecond + (deadline_ - arrived_at_) / 64 >= deadline_;
}

void Exchange::count_end(Outcome outcome) {
  if (counted_ || model_ == nullptr) return;
  counted_ = true;
  if (kind_ == RouteKind::model) return;
  model_->stats.ended[static_cast<size_t>(outcome)] += unanswered_;
  model_->stats.latencies.observe(static_cast<double>(worker_.loop().now() - arrived_at_) * 1e-9);
}

// One timer watches all that can take too long. It isn't moved when something happens: it looks, and sleeps on.
void Exchange::watch() {
  const TimeLimits& times = worker_.policy().spec.times;
  Nanos next = kNever;
  if (phase_ != Phase::done && !reply_ended_) next = deadline_;
  switch (phase_) {
    case Phase::reading:
      next = std::min(next, arrived_at_ + seconds(times.first_message_s));
      break;
    case Phase::held:
      next = std::min({next, hold_until_, ask_again_at_});
      break;
    case Phase::done:
      next = std::min(next, taken_at_ + seconds(times.stall_s));
      break;
    default:
      next = std::min(next, response_body_.unread() > 0 ? taken_at_ + seconds(times.stall_s)
                                                        : progress_at_ + seconds(times.stream_idle_s));
  }
  // What else it waits for may begin before it looks again.
  next = std::min(next, worker_.loop().now() + seconds(std::min(times.stall_s, times.stream_idle_s)));
  worker_.loop().arm(timer_, next);
}

void Exchange::on_timer() {
  const Nanos now = worker_.loop().now();
  const TimeLimits& times = worker_.policy().spec.times;
  if (phase_ != Phase::done && !reply_ended_ && now >= deadline_) {
    judge(Status::deadline_exceeded);
    return refuse(Status::deadline_exceeded, upstream_ != nullptr ? "the deadline passed while the backend worked"
                                             : phase_ == Phase::held
                                                 ? "no replica became ready within the request's deadline"
                                                 : "the deadline passed before the request was complete");
  }
  if (phase_ == Phase::held) {
    if (now >= hold_until_) return give_up();
    if (now >= ask_again_at_) {
      leave();
      tried_.clear();
      return place();
    }
  }
  if (phase_ == Phase::reading && now >= arrived_at_ + seconds(times.first_message_s))
    return refuse(Status::deadline_exceeded, "no message came in time (first_message_s)");
  const bool stalled = phase_ == Phase::done || response_body_.unread() > 0;
  if (down_ != nullptr && stalled && now >= taken_at_ + seconds(times.stall_s)) {
    down_->reset(NGHTTP2_CANCEL);
    taken_at_ = now;  // a client that takes nothing at all doesn't take this either
  } else if (phase_ != Phase::held && now >= progress_at_ + seconds(times.stream_idle_s)) {
    return refuse(Status::unavailable, "nothing was sent for too long (stream_idle_s)");
  }
  watch();
}

// Something new waits for the client: how long it may is measured from here if nothing waited before.
void Exchange::untaken() {
  if (response_body_.unread() == 0) taken_at_ = worker_.loop().now();
}

void Exchange::account() {
  const size_t held = request_body_.held() + response_body_.held();
  worker_.counts().bytes_in_flight += held - accounted_;
  accounted_ = held;
}

// Both sides are over: everything is as it was when the exchange was made.
void Exchange::release() {
  leave();
  end_lease();
  timer_.cancel();
  request_.clear();
  response_.clear();
  trailers_.clear();
  trailer_views_.clear();
  request_body_.clear();
  response_body_.clear();
  account();
  name_.reset();
  asked_ = MessageCounter();
  replied_ = MessageCounter(kErrorField);
  tried_.clear();
  text_.clear();
  header_model_ = {};
  upstream_ = nullptr;
  model_ = nullptr;
  deadline_ = hold_until_ = ask_again_at_ = kNever;
  unanswered_ = 0;
  attempts_ = lost_ = 0;
  kind_ = RouteKind::refused;
  phase_ = Phase::reading;
  by_header_ = is_retry_ = counted_ = judged_ = reply_ended_ = false;
  worker_.recycle(*this);
}

}  // namespace tidegate
