#include "engine/check.h"
#include "proxy/policy.h"

namespace tidegate {

namespace {

void validate(const BackendSpec& backend) {
  if (backend.address.empty()) throw std::invalid_argument("backend.address is empty: it is host:port or unix:/path");
  const std::string name = "backend " + backend.address + ": ";
  check_range(name + "weight", backend.weight, 0.001, 1000.0);
  check_range(name + "slow_start_s", backend.slow_start_s, 0.0);
}

void validate(const RouteSpec& route) {
  if (route.path.empty() || route.path.front() != '/')
    throw std::invalid_argument("route.path = '" + route.path + "': must be /service/Method, or a prefix like /service/");
}

void validate(const RetrySettings& retry) {
  check_range("retry.max_tokens", retry.max_tokens, 0.0, 1e9);
  check_range("retry.token_ratio", retry.token_ratio, 0.0, 1e6);
  check_range("retry.max_lost", retry.max_lost, 1u);
  check_duration("retry.pause_s", retry.pause_s);
}

void validate(const OutlierSettings& outliers) {
  check_range("outliers.consecutive_failures", outliers.consecutive_failures, 1u);
  check_range("outliers.max_ejected_share", outliers.max_ejected_share, 0.0, 1.0);
  check_duration("outliers.base_ejection_s", outliers.base_ejection_s);
  check_range("outliers.max_ejection_s", outliers.max_ejection_s, outliers.base_ejection_s);
  check_range("outliers.success_margin", outliers.success_margin, 0.0, 1.0);
  check_range("outliers.min_requests", outliers.min_requests, 1u);
  check_duration("outliers.interval_s", outliers.interval_s);
  check_duration("outliers.forgive_s", outliers.forgive_s);
}

}  // namespace

void validate(const PolicySpec& policy) {
  for (const BackendSpec& backend : policy.backends) validate(backend);
  for (const RouteSpec& route : policy.routes) validate(route);
  for (const ModelSpec& model : policy.models)
    if (model.eta_s) check_range("model " + model.name + ": eta_s", *model.eta_s, 0.0);
  check_range("hold.seconds", policy.hold.seconds, 0.0);
  check_range("hold.release_outstanding", policy.hold.release_outstanding, 1u);
  validate(policy.retry);
  validate(policy.outliers);
  check_duration("times.first_message_s", policy.times.first_message_s);
  check_duration("times.stream_idle_s", policy.times.stream_idle_s);
  check_duration("times.stall_s", policy.times.stall_s);
  check_range("connections_per_backend", policy.connections_per_backend, 1u);
}

}  // namespace tidegate
