// Answers of the router's own, in a backend's place.
#include "engine/connection.h"
#include "proxy/exchange.h"
#include "proxy/worker.h"

namespace tidegate {

namespace {

constexpr std::string_view kStatusText[] = {"0", "1", "2",  "3",  "4",  "5",  "6",  "7", "8",
                                            "9", "10", "11", "12", "13", "14", "15", "16"};

std::string_view status_text(Status status) { return kStatusText[static_cast<int>(status)]; }

}  // namespace

// Answers in the backend's place: trailers only, or the end of an answer that had begun.
void Exchange::refuse(Status status, std::string message, Nanos pushback) {
  if (phase_ == Phase::done || down_ == nullptr) return;
  if (phase_ == Phase::answering) return finish(status, std::move(message));
  count_end(upstream_ == nullptr && attempts_ == 0 ? Outcome::refused : outcome_of(status));
  leave();
  end_lease();
  untaken();
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
  untaken();
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
  untaken();
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

}  // namespace tidegate
