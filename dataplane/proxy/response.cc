// The backend's answer, on its way to the client.
#include <cmath>

#include "engine/connection.h"
#include "proxy/exchange.h"
#include "proxy/worker.h"

namespace tidegate {

namespace {

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

void Exchange::begin_response(HeaderList& headers, bool end) {
  if (phase_ == Phase::done) return;
  progress_at_ = worker_.loop().now();
  if (end && kind_ != RouteKind::local && request_body_.keeps() &&
      parse_status(headers.find("grpc-status")) == Status::unavailable &&
      headers.find("grpc-retry-pushback-ms").substr(0, 1) != "-" && worker_.shared().retries.failed()) {
    // It said so without beginning to answer (gRFC A6: trailers only): another backend may be able. Where the budget of
    // retries is spent the answer passes as it is, with its load report and all other metadata.
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
    if (kind_of(response_.name(i)) != HeaderKind::hop) views.push_back(passed(response_, i));
  down_->respond(views, end ? nullptr : &response_body_);
  if (end) answered(response_);
}

void Exchange::read_response(const uint8_t* data, size_t size) {
  if (phase_ != Phase::answering || down_ == nullptr) return up_->credit(size);
  untaken();
  response_body_.append(data, size);
  account();
  down_->resume();
  if (kind_ != RouteKind::inference_stream) return;
  const MessageCounter::Seen seen = replied_.feed(data, size);
  for (uint32_t i = 0; i < seen.finished && unanswered_ > 0; ++i) {
    --unanswered_;
    if (lease_.give()) {
      --model_->stats.outstanding;
      if (model_->stats.held > 0) worker_.release_later();
    }
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
  untaken();
  phase_ = Phase::done;
  if (&last != &response_) {
    trailer_views_.clear();
    for (size_t i = 0; i < last.size(); ++i)
      if (kind_of(last.name(i)) != HeaderKind::hop) trailer_views_.push_back(passed(last, i));
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
