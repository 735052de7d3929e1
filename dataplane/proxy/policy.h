// What Python decides and the workers follow: backends, models, routes and limits, compiled into an immutable snapshot.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/limits.h"
#include "engine/socket.h"
#include "proxy/balancer.h"
#include "proxy/outliers.h"
#include "proxy/scoreboard.h"

namespace tidegate {

enum class RouteKind : uint8_t {
  inference,         // unary; model in the first message; offered load
  inference_stream,  // bidirectional; model in the first message; each message is a request of its own
  model,             // model in the first message; not load
  local,             // answered by the router itself, at `local_address`
  refused,           // UNIMPLEMENTED
};

struct RouteSpec {
  std::string path;  // "/service/Method", or a prefix that ends with "/"; the longest that fits counts
  RouteKind kind = RouteKind::local;
};

struct BackendSpec {
  std::string address;
  bool ready = true;         // may be sent requests
  bool all_models = false;
  std::vector<std::string> models;
  double weight = 1;
  double slow_start_s = 0;   // weighed in over this from when it becomes ready
};

struct ModelSpec {
  std::string name;
  std::optional<double> eta_s;  // until the next replica is ready, when that is known
};

struct HoldSettings {
  uint32_t requests = 1000;
  uint64_t bytes = 256 * 1024 * 1024;
  double seconds = 60;
  // While requests of a model wait, each of its backends gets at most so many at once, and twice as many with each second
  // that passes: what waited is spread over the replicas that become ready, not heaped on the first.
  uint32_t release_outstanding = 32;
};

// Budget after gRFC A6: a failure costs a token, a success earns `token_ratio`; above half there may be retries.
// What a backend certainly never began (transparent retries) costs nothing.
struct RetrySettings {
  double max_tokens = 1000;
  double token_ratio = 0.1;
  uint32_t max_lost = 3;                    // connections that one request may see break under it
  uint64_t buffer_bytes = 1024 * 1024;      // of one request, kept to be sent again
  uint64_t buffers_bytes = 64 * 1024 * 1024;  // of all requests of one worker
  double pause_s = 1;                       // before backends that could not take it are asked again
};

struct TimeLimits {
  double first_message_s = 60;     // until the model is known
  double stream_idle_s = 3600;     // without a byte, either way
  double stall_s = 300;            // response bytes that the client does not take
};

struct PolicySpec {
  std::vector<BackendSpec> backends;
  std::vector<ModelSpec> models;     // known ones: requests for them may wait for a replica
  bool hold_unknown_models = false;  // a replica is on its way that may have them
  std::vector<RouteSpec> routes;
  std::string local_address;
  HoldSettings hold;
  RetrySettings retry;
  OutlierSettings outliers;
  TimeLimits times;
  uint32_t max_models = 1000;              // names that are only asked for and counted one by one; the rest as "(other)"
  uint32_t connections_per_backend = 16;   // of one worker
};

// Throws std::invalid_argument that names the first field out of its range.
void validate(const PolicySpec& policy);

// One backend, shared by all workers and by the snapshots that name it.
struct Backend {
  Backend(std::string address_text, Scoreboard& board);
  ~Backend();
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  const std::string address;
  const Address resolved;
  Scoreboard& board;
  const Slot slot;
  BackendHealth health;
};

struct ModelEntry {
  Candidates candidates;  // of the ready backends that have it
  bool known = false;
  Nanos ready_at = kNever;  // when the next replica is expected
};

// Looks up the kind of an rpc by its path.
class Routes {
 public:
  Routes() = default;
  explicit Routes(const std::vector<RouteSpec>& specs);
  // Null: not known here.
  const RouteKind* find(std::string_view path) const;

 private:
  std::unordered_map<std::string, RouteKind> exact_;
  std::vector<std::pair<std::string, RouteKind>> prefixes_;  // longest first
};

struct Policy {
  uint64_t version = 0;
  PolicySpec spec;
  Routes routes;
  std::unordered_map<std::string, ModelEntry> models;
  ModelEntry any_model;  // for models that are not listed: backends that serve every model
  std::vector<std::shared_ptr<Backend>> backends;
  std::shared_ptr<Backend> local;
};

}  // namespace tidegate
