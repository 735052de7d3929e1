// Placing an exchange on a backend, and trying again on another.
#include <algorithm>

#include "engine/connection.h"
#include "proxy/balancer.h"
#include "proxy/exchange.h"
#include "proxy/worker.h"

namespace tidegate {

namespace {

constexpr uint16_t kSameBackend = 3;  // times that a backend which closes its connections in good order is asked again

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
    if (slot == kNoSlot || no_room(slot)) return hold();
    Upstream& upstream = worker_.upstream(slot);
    if (attempt(upstream, true)) return;
    text_ = "no connection to " + upstream.backend().address;
    shared.outliers->failed(upstream.backend().health, true, worker_.loop().now());
    tried_.push_back(slot);
  }
}

bool Exchange::attempt(Upstream& upstream, bool leased) {
  const Nanos now = worker_.loop().now();
  // A deadline of which less than 1 % has passed goes on as the client wrote it, because bytes that are the same each time
  // cost one byte in HPACK's table. (We still enforce the exact one; gRPC's own clients round up as much.)
  const bool fresh = deadline_ != kNever && now - arrived_at_ <= (deadline_ - arrived_at_) / 100;
  HeaderViews& views = worker_.scratch();
  for (size_t i = 0; i < request_.size(); ++i) {
    const std::string_view name = request_.name(i);
    // All clients share this connection's header table. What one of them chooses stays out of it (RFC 7541 §7.1): it would
    // push others' out, and could be guessed at. docs/decisions/0065 has a harder reason.
    bool own = false;
    switch (kind_of(name)) {
      case HeaderKind::pass:
        own = true;
        break;
      case HeaderKind::model:
      case HeaderKind::attempts:
        own = true;
        if (request_.find(name).data() != request_.value(i).data()) continue;
        break;
      case HeaderKind::common:
        break;
      case HeaderKind::host:
        if (request_.find(":authority").empty()) views.insert(views.begin(), header_view(":authority", request_.value(i)));
        continue;
      case HeaderKind::hop:
        continue;
      case HeaderKind::timeout:
        if (!fresh) continue;  // what is left follows
        [[fallthrough]];
      default:  // these occur once; a second one is dropped
        if (request_.find(name).data() != request_.value(i).data()) continue;
    }
    views.push_back(own ? request_.pass_unindexed(i) : passed(request_, i));
  }
  if (deadline_ != kNever && !fresh) {
    const size_t size = format_timeout(std::max<Nanos>(deadline_ - now, 0), timeout_);
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
  if (model_ != nullptr && lease_.count() > 0) {
    model_->stats.outstanding -= lease_.count();
    if (model_->stats.held > 0) worker_.release_later();
  }
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
  // Free where the backend certainly never began; `unavailable` was taken from the budget before its answer was dropped.
  const bool allowed = failure != Failure::lost || worker_.shared().retries.failed();
  if (local || !request_body_.keeps() || lost_ >= retry.max_lost || !allowed)
    return refuse(Status::unavailable, std::move(why));
  text_ = std::move(why);
  if (failure != Failure::untouched || attempts_ > kSameBackend) tried_.push_back(slot);
  ++model_->stats.retried;
  request_body_.rewind();
  place();
}

}  // namespace tidegate
