// The request's side of an exchange: what its headers and its first message say about its way.
#include "engine/connection.h"
#include "proxy/exchange.h"
#include "proxy/worker.h"

namespace tidegate {

// Reads what the request's headers say about its way.
void Exchange::read_head() {
  std::string_view path, method, content_type, timeout;
  bool timed = false;
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
        timed = true;
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
  if (!is_grpc(content_type)) return refuse_http("415");
  if (timed) {
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
    case State::no_encoding:
      return refuse(Status::internal, "a message is marked as compressed, but no grpc-encoding says how");
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
  if (kind_ != RouteKind::model && !is_retry_) {
    model_->stats.arrived += count;
    model_->demand.arrive(static_cast<int64_t>(worker_.loop().epoch_s()), count);
  }
  if (upstream_ == nullptr) return;
  for (uint32_t i = 0; i < count; ++i) lease_.take();
  model_->stats.outstanding += count;
}

}  // namespace tidegate
