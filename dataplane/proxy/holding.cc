// An exchange that waits for a ready replica: entering the waiting room, and leaving it one way or another.
#include <algorithm>

#include "engine/connection.h"
#include "proxy/exchange.h"
#include "proxy/worker.h"

namespace tidegate {

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

}  // namespace tidegate
