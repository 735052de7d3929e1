// An exchange that waits for a ready replica: entering the waiting room, and leaving it one way or another.
#include <algorithm>
#include <cstdio>

#include "engine/connection.h"
#include "proxy/balancer.h"
#include "proxy/exchange.h"
#include "proxy/worker.h"

namespace tidegate {

namespace {

constexpr Nanos kReleaseDoubles = kSecond;  // the room that backends have for requests that waited

std::string seconds_text(Nanos duration) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", static_cast<double>(duration) * 1e-9);
  return text;
}

}  // namespace

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
  if (too_late()) return refuse_too_late();
  const Nanos eta = entry.ready_at;
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

// Whether the next replica is expected only when it can't save the request any more.
bool Exchange::too_late() {
  const Nanos eta = entry().ready_at;
  return eta != kNever && eta > worker_.loop().now() && tried_.empty() && (deadline_ < eta || hold_until_ < eta);
}

void Exchange::refuse_too_late() {
  const Nanos left = entry().ready_at - worker_.loop().now();
  refuse(Status::unavailable,
         "no replica of model '" + model_->label + "' is ready, and the next one is expected in " +
             seconds_text(left) + " s, too late for this request",
         left);
}

// Whether others wait for the model, and even its idlest backend has as many of them as it may have yet.
bool Exchange::no_room(Slot slot) {
  if (model_->stats.held == 0) return false;
  const Nanos now = worker_.loop().now();
  if (model_->releasing_since == 0) model_->releasing_since = now;
  const Nanos doublings = std::min<Nanos>((now - model_->releasing_since) / kReleaseDoubles, 31);
  const uint64_t most = static_cast<uint64_t>(worker_.policy().spec.hold.release_outstanding) << doublings;
  if (worker_.shared().board.outstanding(slot) < most) return false;
  worker_.release_later();
  return true;
}

void Exchange::leave() {
  if (!waits()) return;
  if (--model_->stats.held == 0) model_->releasing_since = 0;
  Waiting::leave();
}

void Exchange::give_up() {
  if (!text_.empty()) return refuse(Status::unavailable, text_);
  refuse(Status::unavailable, "no replica of model '" + model_->label + "' could take the request within hold_s = " +
                                  seconds_text(seconds(worker_.policy().spec.hold.seconds)));
}

const ModelRecord* Exchange::reconsider(const ModelRecord* full) {
  if (model_ == full && tried_.empty()) return full;
  const std::vector<Slot>& ready = entry().candidates.slots();
  // A backend that stopped being ready since it was tried is as good as a new one when it is ready again.
  tried_.erase(std::remove_if(tried_.begin(), tried_.end(),
                              [&](Slot slot) { return std::find(ready.begin(), ready.end(), slot) == ready.end(); }),
               tried_.end());
  Scoreboard& board = worker_.shared().board;
  const Slot slot = pick(board, entry().candidates, tried_, [this](uint32_t n) { return worker_.random(n); });
  if (slot == kNoSlot && (entry().known || worker_.policy().spec.hold_unknown_models)) {
    if (too_late()) refuse_too_late();
    return full;
  }
  if (slot != kNoSlot && no_room(slot)) return tried_.empty() ? model_ : full;
  leave();
  place();
  return full;
}

void Exchange::stop_waiting() { refuse(Status::unavailable, "the router is stopping; no replica became ready in time"); }

}  // namespace tidegate
