#include "proxy/exchange.h"

#include <algorithm>

#include "engine/connection.h"
#include "proxy/worker.h"

namespace tidegate {

namespace {

constexpr std::string_view kStatusText[] = {"0", "1", "2",  "3",  "4",  "5",  "6",  "7", "8",
                                            "9", "10", "11", "12", "13", "14", "15", "16"};

std::string_view status_text(Status status) { return kStatusText[static_cast<int>(status)]; }

}  // namespace

Exchange::Exchange(Worker& worker)
    : worker_(worker), timer_([](void* self) { static_cast<Exchange*>(self)->on_timer(); }, this) {}

void Exchange::begin(Stream& down) {
  down_ = &down;
  arrived_at_ = progress_at_ = worker_.loop().now();
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

// Reads what the request's headers say about its way.
void Exchange::read_head() {
  std::string_view path, method, content_type, timeout;
  for (size_t i = 0; i < request_.size(); ++i) {
    const auto first = [&](std::string_view& to) {
      if (to.empty()) to = request_.value(i);
    };
    switch (kind_of(request_.name(i))) {
      case HeaderKind::path:
        first(path);
        break;
      case HeaderKind::method:
        first(method);
        break;
      case HeaderKind::content_type:
        first(content_type);
        break;
      case HeaderKind::timeout:
        first(timeout);
        break;
      case HeaderKind::model:
        first(header_model_);
        break;
      case HeaderKind::attempts:
        is_retry_ = true;
        break;
      default:
        break;
    }
  }
  if (method != "POST") return refuse_http("405");
  if (content_type.substr(0, 16) != "application/grpc") return refuse_http("415");
  if (!timeout.empty()) {
    const Nanos left = parse_timeout(timeout);
    if (left < 0) return refuse(Status::internal, "grpc-timeout can't be read: " + std::string(timeout.substr(0, 64)));
    deadline_ = arrived_at_ + left;
    watch();
  }
  const RouteKind* known = worker_.policy().routes.find(path);
  by_header_ = known == nullptr && !header_model_.empty();
  kind_ = known != nullptr ? *known : by_header_ ? RouteKind::inference : RouteKind::refused;
  if (known == nullptr && !by_header_)
    return refuse(Status::unimplemented, "the router does not know " + std::string(path.substr(0, 256)) +
                                             "; with the metadata tidegate-model: MODEL it is forwarded");
  if (kind_ == RouteKind::refused)
    return refuse(Status::unimplemented, "Tidegate does not offer " + std::string(path.substr(0, 256)));
  if (kind_ == RouteKind::local) {
    phase_ = Phase::sending;
    Upstream* local = worker_.local();
    if (local == nullptr || !attempt(*local, false)) refuse(Status::unavailable, "the router is not ready yet");
  } else if (by_header_) {
    model_known(header_model_);
  } else if (request_body_.ended()) {
    no_model(ModelNameReader::State::absent);
  }
}

void Exchange::on_data(Stream& stream, const uint8_t* data, size_t size) {
  progress_at_ = worker_.loop().now();
  if (&stream == up_) return read_response(data, size);
  if (&stream != down_ || phase_ == Phase::done || reply_ended_) return stream.credit(size);
  request_body_.append(data, size);
  account();
  read_request(data, size);
}

void Exchange::read_request(const uint8_t* data, size_t size) {
  if (kind_ == RouteKind::inference_stream) {
    const uint32_t begun = asked_.feed(data, size).begun;
    if (phase_ == Phase::reading)
      unanswered_ += begun;
    else if (begun > 0)
      messages_arrived(begun);
  }
  if (phase_ == Phase::reading) {
    const auto state = name_.feed(data, size, request_.find("grpc-encoding"));
    if (state == ModelNameReader::State::more) return;
    if (state != ModelNameReader::State::found) return no_model(state);
    return model_known(name_.name());
  }
  if (phase_ == Phase::held && !worker_.room().grow(*this, size, worker_.policy().spec.hold.bytes))
    return refuse(Status::resource_exhausted, "too many bytes wait for a ready replica (hold_bytes)", kSecond);
  if (up_ != nullptr) up_->resume();
}

// The message doesn't say which model it is for; the metadata may.
void Exchange::no_model(ModelNameReader::State state) {
  using State = ModelNameReader::State;
  if (!header_model_.empty()) return model_known(header_model_);
  if (kind_ == RouteKind::inference_stream && state == State::absent && request_body_.held() == 0)
    return refuse(Status::ok, "");  // a stream without a message has no answer
  switch (state) {
    case State::unsupported:
      return refuse(Status::unimplemented, "compressed messages: gzip and deflate can be read, or name the model in the "
                                           "metadata tidegate-model");
    case State::too_far:
      return refuse(Status::invalid_argument, "the model's name does not stand within the message's first bytes");
    case State::malformed:
      return refuse(Status::invalid_argument, "the request message is not protobuf, or its model's name is not UTF-8");
    default:
      return refuse(Status::invalid_argument, "the request names no model");
  }
}

void Exchange::model_known(std::string_view name) {
  if (name.data() == header_model_.data() && !is_utf8(name))
    return refuse(Status::invalid_argument, "the metadata tidegate-model is not UTF-8");
  model_ = &worker_.model(name);
  if (kind_ == RouteKind::inference_stream && !by_header_) {
    const uint32_t begun = unanswered_;
    unanswered_ = 0;
    messages_arrived(begun);
  } else {
    unanswered_ = 0;
    messages_arrived(1);
  }
  place();
}

// Requests are counted as offered load before anything is decided about them, so that what is held or refused counts.
void Exchange::messages_arrived(uint32_t count) {
  unanswered_ += count;
  if (kind_ != RouteKind::model) {
    model_->stats.arrived += count;
    if (!is_retry_) model_->demand.arrive(static_cast<int64_t>(worker_.loop().epoch_s()), count);
  }
  if (upstream_ == nullptr) return;
  for (uint32_t i = 0; i < count; ++i) lease_.take();
  model_->stats.outstanding += count;
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
      phase_ = Phase::done;
      count_end(reply_ended_ ? Outcome::succeeded : Outcome::cancelled);
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

// Answers in the backend's place: trailers only, or the end of an answer that had begun.
void Exchange::refuse(Status status, std::string message, Nanos pushback) {
  if (phase_ == Phase::done || down_ == nullptr) return;
  if (phase_ == Phase::answering) return finish(status, std::move(message));
  count_end(upstream_ == nullptr && attempts_ == 0 ? Outcome::refused : outcome_of(status));
  leave();
  end_lease();
  phase_ = Phase::done;
  if (up_ != nullptr) up_->reset(NGHTTP2_CANCEL);
  request_body_.forget();
  text_ = percent_encode(message);
  HeaderViews& views = worker_.scratch();
  views.push_back(header_view(":status", "200"));
  views.push_back(header_view("content-type", "application/grpc"));
  views.push_back(header_view("grpc-status", status_text(status)));
  if (!text_.empty()) views.push_back(header_view("grpc-message", text_));
  if (pushback >= 0) {
    pushback_ = std::to_string(pushback / kMillisecond);
    views.push_back(header_view("grpc-retry-pushback-ms", pushback_));
  }
  down_->respond(views, nullptr);
  watch();
}

void Exchange::refuse_http(const char* status) {
  phase_ = Phase::done;
  HeaderViews& views = worker_.scratch();
  views.push_back(header_view(":status", status));
  down_->respond(views, nullptr);
  watch();
}

// Ends an answer that had begun with a status of our own.
void Exchange::finish(Status status, std::string message) {
  count_end(outcome_of(status));
  end_lease();
  phase_ = Phase::done;
  if (up_ != nullptr) up_->reset(NGHTTP2_CANCEL);
  text_ = percent_encode(message);
  trailer_views_.clear();
  trailer_views_.push_back(header_view("grpc-status", status_text(status)));
  trailer_views_.push_back(header_view("grpc-message", text_));
  down_->set_trailers(&trailer_views_);
  response_body_.end();
  down_->resume();
  watch();
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
      next = std::min(next, progress_at_ + seconds(times.stall_s));
      break;
    default:
      next = std::min(next, progress_at_ + seconds(response_body_.unread() > 0 ? times.stall_s : times.stream_idle_s));
  }
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
  const Nanos still = now - progress_at_;
  const bool stalled = phase_ == Phase::done || response_body_.unread() > 0;
  if (down_ != nullptr && stalled && still >= seconds(times.stall_s)) {
    down_->reset(NGHTTP2_CANCEL);
  } else if (phase_ != Phase::held && still >= seconds(times.stream_idle_s)) {
    return refuse(Status::unavailable, "nothing was sent for too long (stream_idle_s)");
  }
  watch();
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
