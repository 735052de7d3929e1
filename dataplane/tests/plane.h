// A running data plane for tests, and the policy it begins with.
#pragma once

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "proxy/data_plane.h"
#include "proxy/totals.h"
#include "tests/peers.h"

namespace tidegate::test {

inline const std::string kInfer = "/inference.GRPCInferenceService/ModelInfer";
inline const std::string kStream = "/inference.GRPCInferenceService/ModelStreamInfer";

inline PolicySpec policy_for(const std::vector<std::string>& addresses) {
  PolicySpec policy;
  for (const std::string& address : addresses) {
    BackendSpec backend;
    backend.address = address;
    backend.models = {"m"};
    policy.backends.push_back(backend);
  }
  policy.models = {{"m", std::nullopt}};
  policy.routes = {{kInfer, RouteKind::inference},
                   {kStream, RouteKind::inference_stream},
                   {"/inference.GRPCInferenceService/ModelConfig", RouteKind::model},
                   {"/grpc.health.v1.Health/", RouteKind::local},
                   {"/inference.GRPCInferenceService/LogSettings", RouteKind::refused}};
  policy.hold.seconds = 5;
  policy.retry.pause_s = 0.1;
  return policy;
}

struct Plane : DataPlane {
  explicit Plane(PolicySpec policy, uint32_t threads = 1) : Plane(std::move(policy), options(threads)) {}
  Plane(PolicySpec policy, DataPlaneOptions options) : DataPlane(std::move(options)) {
    apply(std::move(policy));
    start();
  }
  static DataPlaneOptions options(uint32_t threads) {
    DataPlaneOptions made;
    made.threads = threads;
    made.seed = 1;
    return made;
  }
  Totals totals() { return total(stats()); }
  uint32_t outstanding() {
    uint32_t sum = 0;
    for (const auto& one : backends()) sum += one.outstanding;
    return sum;
  }
  bool at_rest() {
    return eventually([&] {
      const Totals all = totals();
      int64_t sum = outstanding();
      for (const auto& [name, model] : all.models) sum += std::abs(model.outstanding) + std::abs(model.held);
      return sum == 0 && all.bytes_in_flight == 0 && held() == 0 && held_bytes() == 0;
    });
  }
};

inline uint64_t ended(const ModelStats& stats, Outcome outcome) { return stats.ended[static_cast<size_t>(outcome)]; }

}  // namespace tidegate::test
