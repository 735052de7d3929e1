// The backend's side of an exchange: placing it, trying again, and taking the answer in.
#include <algorithm>
#include <cmath>

#include "engine/connection.h"
#include "proxy/balancer.h"
#include "proxy/exchange.h"
#include "proxy/worker.h"

namespace tidegate {

namespace {

constexpr uint16_t kSameBackend = 3;  // times that a backend which closes its connections in good order is asked again

// What a reset means in gRPC ("HTTP2 Transport Mapping" in its PROTOCOL-HTTP2 page).
Status status_of_reset(uint32_t error_code) {
  switch (error_code) {
    case NGHTTP2_REFUSED_STREAM:
      return Status::unavailable;
    case NGHTTP2_CANCEL:
      return Status::cancelled;
    case NGHTTP2_ENHANCE_YOUR_CALM:
      return Status::resource_exhausted;
    default:
      return Status::internal;
  }
}

}  // namespace

const ModelEntry& Exchange::entry() {
  if (!model_->other) return *model_->entry;
  // The name was beyond the limit of names when it came; a backend may serve it by now.
  const std::string name(name_.name().empty() ? header_model_ : std::string_view(name_.name()));
  const auto found = worker_.policy().models.find(name);
  return found != worker_.policy().models.end() ? found->second : worker_.policy().any_model;
}

// Sends the request to the best backend that it has not tried; with none, it waits or is refused.
void Exchange::place() {
  Shared& shared = worker_.shared();
  for (;;) {
    const Slot slot = pick(shared.board, entry().candidates, tried_, [this](uint32_t n) { return worker_.random(n); });
    if (slot == kNoSlot) return hold();
    Upstream& upstream = worker_.upstream(slot);
    if (attempt(upstream, true)) return;
    text_ = "no connection to " + upstream.backend().address;
    shared.outliers->failed(upstream.backend().health, true, worker_.loop().now());
    tried_.push_back(slot);
  }
}

bool Exchange::attempt(Upstream& upstream, bool leased) {
  HeaderViews& views = worker_.scratch();
  for (size_t i = 0; i < request_.size(); ++i) {
    const std::string_view name = request_.name(i);
    switch (kind_of(name)) {
      case HeaderKind::pass:
        break;
      case HeaderKind::hop:
      case HeaderKind::timeout:  // our own follows: what is left of it
        continue;
      default:  // these occur once; a second one is dropped
        if (request_.find(name).data() != request_.value(i).data()) continue;
    }
    views.push_back(request_.pass(i));
  }
  if (deadline_ != kNever) {
    const size_t size = format_timeout(std::max<Nanos>(deadline_ - worker_.loop().now(), 0), timeout_);
    // Differs for every request, so it must not push others out of the peer's header table.
    views.push_back(header_view("grpc-timeout", {timeout_, size}, NGHTTP2_NV_FLAG_NO_INDEX));
  }
  const bool empty = request_body_.ended() && request_body_.held() == 0;
  Stream* stream = upstream.open(views, empty ? nullptr : &request_body_, *this);
  if (stream == nullptr) return false;
  up_ = stream;
  upstream_ = &upstream;
  phase_ = Phase::sending;
  judged_ = !leased;
  if (leased) {
    lease_ = Lease(worker_.shared().board, upstream.backend().slot, unanswered_);
    model_->stats.outstanding += unanswered_;
  }
  return true;
}

void Exchange::end_lease() {
  if (model_ != nullptr) model_->stats.outstanding -= lease_.count();
  lease_ = Lease();
}

// What an answer says about the backend's health. Once per attempt.
void Exchange::judge(Status status) {
  if (judged_ || upstream_ == nullptr) return;
  judged_ = true;
  Shared& shared = worker_.shared();
  ++upstream_->stats().ended[static_cast<size_t>(outcome_of(status))];
  BackendHealth& health = upstream_->backend().health;
  switch (status) {
    case Status::unknown:
    case Status::internal:
    case Status::unavailable:
    case Status::data_loss:
    case Status::none:
      return shared.outliers->failed(health, true, worker_.loop().now());
    case Status::resource_exhausted:  // busy, not broken; but not as idle as it looks either
    case Status::deadline_exceeded:
      return shared.outliers->failed(health, false, worker_.loop().now());
    default:
      shared.outliers->succeeded(health);
      shared.retries.succeeded();
  }
}

void Exchange::attempt_failed(Failure failure, std::string why) {
  const RetrySettings& retry = worker_.policy().spec.retry;
  if (failure != Failure::untouched) judge(Status::unavailable);
  const Slot slot = upstream_->backend().slot;
  const bool local = kind_ == RouteKind::local;
  end_lease();
  upstream_ = nullptr;
  ++attempts_;
  if (down_ == nullptr || phase_ == Phase::done) return;
  lost_ = static_cast<uint16_t>(lost_ + (failure == Failure::lost));
  const bool allowed = failure == Failure::untouched || failure == Failure::unconnected || worker_.shared().retries.failed();
  if (local || !request_body_.keeps() || lost_ >= retry.max_lost || !allowed)
    return refuse(Status::unavailable, std::move(why));
  text_ = std::move(why);
  if (failure != Failure::untouched || attempts_ > kSameBackend) tried_.push_back(slot);
  ++model_->stats.retried;
  request_body_.rewind();
  place();
}

// No backend can take the request now.
void Exchange::hold() {
  const PolicySpec& spec = worker_.policy().spec;
  const ModelEntry& entry = this->entry();
  const Nanos now = worker_.loop().now();
  const std::string& label = model_->label;
  if (tried_.empty() && !entry.known && !spec.hold_unknown_models)
    return refuse(Status::not_found, "no backend has a model '" + label + "'");
  if (worker_.draining()) return refuse(Status::unavailable, "the router is stopping and holds no requests");
  if (hold_until_ == kNever) hold_until_ = now + seconds(spec.hold.seconds);
  const Nanos eta = entry.ready_at;
  if (eta != kNever && eta > now && tried_.empty() && (deadline_ < eta || hold_until_ < eta))
    return refuse(Status::unavailable,
                  "no replica of model '" + label + "' is ready; the next one is expected after the request's deadline",
                  eta - now);
  if (now >= hold_until_) return give_up();
  phase_ = Phase::held;
  ask_again_at_ = tried_.empty() ? kNever : now + seconds(spec.retry.pause_s);
  switch (worker_.room().enter(*this, request_body_.held(), spec.hold.requests, spec.hold.bytes)) {
    case WaitingRoom::Answer::waits:
      ++model_->stats.held;
      return watch();
    case WaitingRoom::Answer::too_many:
      return refuse(Status::resource_exhausted,
                    "no ready replica of model '" + label + "', and " + std::to_string(spec.hold.requests) +
                        " requests wait already (hold_requests)",
                    eta != kNever && eta > now ? eta - now : kSecond);
    case WaitingRoom::Answer::too_large:
      return refuse(Status::resource_exhausted,
                    "no ready replica of model '" + label + "', and no room for the request's bytes (hold_bytes = " +
                        std::to_string(spec.hold.bytes) + ")",
                    eta != kNever && eta > now ? eta - now : kSecond);
  }
}

void Exchange::leave() {
  if (!waits()) return;
  --model_->stats.held;
  Waiting::leave();
}

void Exchange::give_up() {
  if (!text_.empty()) return refuse(Status::unavailable, text_);
  refuse(Status::unavailable, "no replica of model '" + model_->label + "' became ready within hold_s = " +
                                  std::to_string(static_cast<int64_t>(worker_.policy().spec.hold.seconds)));
}

void Exchange::reconsider() {
  const std::vector<Slot>& ready = entry().candidates.slots();
  // A backend that stopped being ready since it was tried is as good as a new one when it is ready again.
  tried_.erase(std::remove_if(tried_.begin(), tried_.end(),
                              [&](Slot slot) { return std::find(ready.begin(), ready.end(), slot) == ready.end(); }),
               tried_.end());
  const bool may_go = std::any_of(ready.begin(), ready.end(), [&](Slot slot) {
    return std::find(tried_.begin(), tried_.end(), slot) == tried_.end();
  });
  if (!may_go && (entry().known || worker_.policy().spec.hold_unknown_models)) return;
  leave();
  place();
}

void Exchange::stop_waiting() { refuse(Status::unavailable, "the router is stopping; no replica became ready in time"); }

void Exchange::begin_response(HeaderList& headers, bool end) {
  if (phase_ == Phase::done) return;
  progress_at_ = worker_.loop().now();
  if (end && kind_ != RouteKind::local && request_body_.keeps() &&
      parse_status(headers.find("grpc-status")) == Status::unavailable &&
      headers.find("grpc-retry-pushback-ms").substr(0, 1) != "-") {
    // It said so without beginning to answer (gRFC A6: trailers only): another backend may be able.
    Stream* old = up_;
    up_ = nullptr;
    ++ghosts_;
    if (!old->sent_all()) old->reset(NGHTTP2_CANCEL);
    std::string why = "backend " + upstream_->backend().address + " is unavailable";
    const std::string_view words = headers.find("grpc-message");
    if (!words.empty()) why = percent_decode(words);
    return attempt_failed(Failure::unavailable, std::move(why));
  }
  request_body_.forget();
  phase_ = Phase::answering;
  response_.swap(headers);
  HeaderViews& views = worker_.scratch();
  for (size_t i = 0; i < response_.size(); ++i)
    if (kind_of(response_.name(i)) != HeaderKind::hop) views.push_back(response_.pass(i));
  down_->respond(views, end ? nullptr : &response_body_);
  if (end) answered(response_);
}

void Exchange::read_response(const uint8_t* data, size_t size) {
  if (phase_ != Phase::answering || down_ == nullptr) return up_->credit(size);
  response_body_.append(data, size);
  account();
  down_->resume();
  if (kind_ != RouteKind::inference_stream) return;
  const MessageCounter::Seen seen = replied_.feed(data, size);
  for (uint32_t i = 0; i < seen.finished && unanswered_ > 0; ++i) {
    --unanswered_;
    if (lease_.give()) --model_->stats.outstanding;
    ++model_->stats.ended[static_cast<size_t>(i < seen.marked ? Outcome::failed : Outcome::succeeded)];
  }
}

// The backend's last word. `last` are the trailers, or the headers of an answer of trailers only.
void Exchange::answered(const HeaderList& last) {
  const Status status = parse_status(last.find("grpc-status"));
  reply_ended_ = true;
  judge(status);
  if (model_ != nullptr) {
    const std::string_view encoded = last.find("endpoint-load-metrics-bin");
    if (!encoded.empty()) read_report(encoded);
  }
  count_end(outcome_of(status));
  end_lease();
  phase_ = Phase::done;
  if (&last != &response_) {
    trailer_views_.clear();
    for (size_t i = 0; i < last.size(); ++i)
      if (kind_of(last.name(i)) != HeaderKind::hop) trailer_views_.push_back(last.pass(i));
    if (!trailer_views_.empty()) down_->set_trailers(&trailer_views_);
    response_body_.end();
    down_->resume();
  }
  // What is left of the request is of no use to anybody.
  if (up_ != nullptr && !up_->sent_all()) up_->reset(NGHTTP2_NO_ERROR);
}

void Exchange::read_report(std::string_view encoded) {
  LoadReport report;
  if (encoded.size() > 4096 || !parse_load_report(decode_base64(encoded), report)) return;
  if (!std::isnan(report.rows)) model_->stats.observe_cost(report.rows);
  BackendStats& stats = upstream_->stats();
  ++stats.reports;
  stats.reported_at_s = worker_.loop().epoch_s();
  stats.utilization = report.utilization;
  if (!std::isnan(report.capacity_rows_per_s) && !model_->other)
    stats.observe_capacity(model_->label, report.capacity_rows_per_s);
}

void Exchange::upstream_closed(CloseCause cause, uint32_t error_code) {
  if (phase_ == Phase::done || upstream_ == nullptr) return;
  const std::string& address = upstream_->backend().address;
  switch (cause) {
    case CloseCause::refused:
    case CloseCause::not_sent:
      if (phase_ == Phase::sending)
        return attempt_failed(Failure::untouched, "backend " + address + " refused the stream");
      break;
    case CloseCause::connecting:
      return attempt_failed(Failure::unconnected, "no connection to backend " + address);
    case CloseCause::lost:
      if (phase_ == Phase::sending)
        return attempt_failed(Failure::lost, "the connection to backend " + address + " was lost");
      break;
    default:
      break;
  }
  const bool lost = cause == CloseCause::lost;
  const Status status = lost ? Status::unavailable : status_of_reset(error_code);
  judge(status == Status::cancelled ? Status::unavailable : status);
  refuse(status, lost ? "the connection to backend " + address + " was lost in the middle of its answer"
                      : "backend " + address + " reset the stream (HTTP/2 error " + std::to_string(error_code) + ")");
}

}  // namespace tidegate
