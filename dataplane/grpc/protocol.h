// The parts of gRPC's protocol over HTTP/2 that a proxy takes part in: header names, deadlines, statuses.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/timers.h"

namespace tidegate {

enum class Status : int {
  ok = 0,
  cancelled = 1,
  unknown = 2,
  invalid_argument = 3,
  deadline_exceeded = 4,
  not_found = 5,
  resource_exhausted = 8,
  unimplemented = 12,
  internal = 13,
  unavailable = 14,
  data_loss = 15,
  none = -1,  // no grpc-status was given
};

// What a request header means to a proxy.
enum class HeaderKind : uint8_t {
  pass,    // the client's own metadata
  common,  // of few values, the same for many clients
  hop,  // of one connection only (RFC 9110 §7.6.1, RFC 9113 §8.2.2): never passed on
  host,  // stands for :authority when that is missing (RFC 9113 §8.3.1)
  method,
  path,
  content_type,
  timeout,
  encoding,
  model,     // tidegate-model
  attempts,  // grpc-previous-rpc-attempts: a client's retry
  once,      // known to occur once only: a second one is dropped
};
HeaderKind kind_of(std::string_view name);
// Whether a gRPC implementation parses the header's value and may find it malformed. Such a header must not enter a
// connection's HPACK table: gRPC C-core keeps the error with the entry, and then fails later requests that refer to its
// name, those of other clients too.
bool may_be_malformed(std::string_view name, std::string_view value);

// Whether a content-type is gRPC's: "application/grpc", followed by nothing, "+proto" and the like, or parameters.
bool is_grpc(std::string_view content_type);

// A grpc-timeout as a duration; -1 when it is malformed.
Nanos parse_timeout(std::string_view text);
// At most 8 digits and a unit; rounded up, so that no hop takes time away. Returns the length written (9 bytes suffice).
size_t format_timeout(Nanos left, char* to);

// A grpc-status; Status::none when it is malformed.
Status parse_status(std::string_view text);
// A grpc-message: printable ASCII, the rest percent-encoded.
std::string percent_encode(std::string_view text);
std::string percent_decode(std::string_view text);

// base64 as gRPC's -bin metadata has it, padded or not; empty when it is malformed.
std::string decode_base64(std::string_view text);

// What we read of a load report (protos/orca.proto); NaN when it is not there.
struct LoadReport {
  double rows;                 // request_cost["rows"]
  double utilization;          // application_utilization; 0 when it is left out
  double capacity_rows_per_s;  // named_metrics["capacity_rows_per_s"]
};
// False when it is not an OrcaLoadReport.
bool parse_load_report(std::string_view message, LoadReport& report);

}  // namespace tidegate
