// The Python module dataplane._native: thin. No call of Python ever happens from a worker thread.
#include <nanobind/nanobind.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unordered_map.h>
#include <nanobind/stl/vector.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/pair.h>

#include "bindings/balancer.h"
#include "proxy/data_plane.h"
#include "proxy/totals.h"

namespace nb = nanobind;

namespace tidegate {
namespace {

// A struct of settings: every field is a keyword of the constructor, and an attribute.
template <typename T>
nb::class_<T> settings(nb::module_& m, const char* name) {
  return nb::class_<T>(m, name).def("__init__", [](nb::pointer_and_handle<T> self, nb::kwargs fields) {
    new (self.p) T();
    nb::inst_mark_ready(self.h);
    for (auto [key, value] : fields) nb::setattr(self.h, key, value);
  }, nb::sig("def __init__(self, **fields: object) -> None"));
}

void bind_limits(nb::module_& m) {
  settings<Limits>(m, "Limits")
      .def_rw("max_streams", &Limits::max_streams)
      .def_rw("stream_window_bytes", &Limits::stream_window_bytes)
      .def_rw("connection_window_bytes", &Limits::connection_window_bytes)
      .def_rw("connection_buffer_bytes", &Limits::connection_buffer_bytes)
      .def_rw("max_header_bytes", &Limits::max_header_bytes)
      .def_rw("handshake_s", &Limits::handshake_s)
      .def_rw("headers_s", &Limits::headers_s)
      .def_rw("idle_s", &Limits::idle_s)
      .def_rw("keepalive_s", &Limits::keepalive_s)
      .def_rw("keepalive_timeout_s", &Limits::keepalive_timeout_s)
      .def_rw("write_stall_s", &Limits::write_stall_s)
      .def_rw("settings_per_s", &Limits::settings_per_s)
      .def_rw("pings_per_s", &Limits::pings_per_s)
      .def_rw("priorities_per_s", &Limits::priorities_per_s)
      .def_rw("window_updates_per_s", &Limits::window_updates_per_s)
      .def_rw("empty_data_per_s", &Limits::empty_data_per_s)
      .def_rw("fast_resets_per_s", &Limits::fast_resets_per_s)
      .def_rw("fast_reset_s", &Limits::fast_reset_s)
      .def_rw("errors_per_s", &Limits::errors_per_s)
      .def_rw("max_outbound_control", &Limits::max_outbound_control)
      .def_rw("max_outbound_frames", &Limits::max_outbound_frames)
      .def_rw("ping_min_interval_s", &Limits::ping_min_interval_s)
      .def_rw("ping_strikes", &Limits::ping_strikes);
}

void bind_policy(nb::module_& m) {
  nb::enum_<RouteKind>(m, "RouteKind")
      .value("INFERENCE", RouteKind::inference)
      .value("INFERENCE_STREAM", RouteKind::inference_stream)
      .value("MODEL", RouteKind::model)
      .value("LOCAL", RouteKind::local)
      .value("REFUSED", RouteKind::refused);
  settings<RouteSpec>(m, "Route").def_rw("path", &RouteSpec::path).def_rw("kind", &RouteSpec::kind);
  settings<BackendSpec>(m, "Backend")
      .def_rw("address", &BackendSpec::address)
      .def_rw("ready", &BackendSpec::ready)
      .def_rw("all_models", &BackendSpec::all_models)
      .def_rw("models", &BackendSpec::models)
      .def_rw("weight", &BackendSpec::weight)
      .def_rw("slow_start_s", &BackendSpec::slow_start_s);
  settings<ModelSpec>(m, "Model").def_rw("name", &ModelSpec::name).def_rw("eta_s", &ModelSpec::eta_s);
  settings<HoldSettings>(m, "Hold")
      .def_rw("requests", &HoldSettings::requests)
      .def_rw("bytes", &HoldSettings::bytes)
      .def_rw("seconds", &HoldSettings::seconds)
      .def_rw("release_outstanding", &HoldSettings::release_outstanding);
  settings<RetrySettings>(m, "Retry")
      .def_rw("max_tokens", &RetrySettings::max_tokens)
      .def_rw("token_ratio", &RetrySettings::token_ratio)
      .def_rw("max_lost", &RetrySettings::max_lost)
      .def_rw("buffer_bytes", &RetrySettings::buffer_bytes)
      .def_rw("buffers_bytes", &RetrySettings::buffers_bytes)
      .def_rw("pause_s", &RetrySettings::pause_s);
  settings<OutlierSettings>(m, "Outliers")
      .def_rw("enabled", &OutlierSettings::enabled)
      .def_rw("consecutive_failures", &OutlierSettings::consecutive_failures)
      .def_rw("max_ejected_share", &OutlierSettings::max_ejected_share)
      .def_rw("base_ejection_s", &OutlierSettings::base_ejection_s)
      .def_rw("max_ejection_s", &OutlierSettings::max_ejection_s)
      .def_rw("success_margin", &OutlierSettings::success_margin)
      .def_rw("min_requests", &OutlierSettings::min_requests)
      .def_rw("interval_s", &OutlierSettings::interval_s)
      .def_rw("forgive_s", &OutlierSettings::forgive_s);
  settings<TimeLimits>(m, "Times")
      .def_rw("first_message_s", &TimeLimits::first_message_s)
      .def_rw("stream_idle_s", &TimeLimits::stream_idle_s)
      .def_rw("stall_s", &TimeLimits::stall_s);
  settings<PolicySpec>(m, "Policy")
      .def_rw("backends", &PolicySpec::backends)
      .def_rw("models", &PolicySpec::models)
      .def_rw("hold_unknown_models", &PolicySpec::hold_unknown_models)
      .def_rw("routes", &PolicySpec::routes)
      .def_rw("local_address", &PolicySpec::local_address)
      .def_rw("hold", &PolicySpec::hold)
      .def_rw("retry", &PolicySpec::retry)
      .def_rw("outliers", &PolicySpec::outliers)
      .def_rw("times", &PolicySpec::times)
      .def_rw("max_models", &PolicySpec::max_models)
      .def_rw("connections_per_backend", &PolicySpec::connections_per_backend);
}

std::map<std::string, uint64_t> outcomes(const std::array<uint64_t, kOutcomes>& ended) {
  static constexpr const char* kNames[] = {"succeeded", "failed", "rejected", "refused", "cancelled"};
  std::map<std::string, uint64_t> named;
  for (size_t i = 0; i < kOutcomes; ++i) named[kNames[i]] = ended[i];
  return named;
}

void bind_counts(nb::module_& m) {
  nb::class_<ModelStats>(m, "ModelCounts")
      .def_ro("arrived", &ModelStats::arrived)
      .def_ro("retried", &ModelStats::retried)
      .def_prop_ro("ended", [](const ModelStats& self) { return outcomes(self.ended); })
      .def_ro("outstanding", &ModelStats::outstanding)
      .def_ro("held", &ModelStats::held)
      .def_ro("cost_rows", &ModelStats::cost_rows)
      .def_ro("cost_reports", &ModelStats::cost_reports)
      .def_prop_ro("latency_counts", [](const ModelStats& self) { return self.latencies.counts; })
      .def_prop_ro("latency_sum_s", [](const ModelStats& self) { return self.latencies.sum_s; });
  nb::class_<BackendStats>(m, "BackendCounts")
      .def_prop_ro("ended", [](const BackendStats& self) { return outcomes(self.ended); })
      .def_ro("connections", &BackendStats::connections)
      .def_ro("connected", &BackendStats::connected)
      .def_ro("reports", &BackendStats::reports)
      .def_ro("reported_at_s", &BackendStats::reported_at_s)
      .def_ro("utilization", &BackendStats::utilization)
      .def_prop_ro("capacity_rows_per_s", [](const BackendStats& self) {
        return std::map<std::string, double>(self.capacity_rows_per_s.begin(), self.capacity_rows_per_s.end());
      });
  nb::class_<Totals>(m, "Counts")
      .def_ro("requests", &Totals::requests)
      .def_ro("connections", &Totals::connections)
      .def_ro("accepted", &Totals::accepted)
      .def_ro("bytes_in_flight", &Totals::bytes_in_flight)
      .def_ro("models", &Totals::models)
      .def_ro("backends", &Totals::backends);
  nb::class_<BackendState>(m, "BackendState")
      .def_ro("address", &BackendState::address)
      .def_ro("outstanding", &BackendState::outstanding)
      .def_ro("success", &BackendState::success)
      .def_ro("cost_factor", &BackendState::cost_factor)
      .def_ro("ejected", &BackendState::ejected);
  nb::class_<Event>(m, "Event")
      .def_prop_ro("kind", [](const Event& self) {
        static constexpr const char* kNames[] = {"connected", "connection_lost", "connect_failed", "ejected", "recovered"};
        return kNames[static_cast<size_t>(self.kind)];
      })
      .def_ro("backend", &Event::backend)
      .def_ro("detail", &Event::detail);
  m.attr("LATENCY_BOUNDS_S") = nb::tuple(nb::cast(Latencies::kBounds));
}

void bind_data_plane(nb::module_& m) {
  using Released = nb::call_guard<nb::gil_scoped_release>;  // these wait for worker threads
  nb::class_<DataPlane>(m, "DataPlane")
      .def("__init__",
           [](DataPlane* self, std::string listen, uint32_t threads, int backlog, uint64_t seed, const Limits* clients,
              const Limits* upstream) {
             DataPlaneOptions options;
             options.listen = std::move(listen);
             options.threads = threads;
             options.backlog = backlog;
             options.seed = seed;
             if (clients != nullptr) options.client_limits = *clients;
             if (upstream != nullptr) options.upstream_limits = *upstream;
             new (self) DataPlane(std::move(options));
           },
           nb::arg("listen"), nb::kw_only(), nb::arg("threads") = 1, nb::arg("backlog") = 4096, nb::arg("seed") = 0,
           nb::arg("client_limits").none() = nb::none(), nb::arg("upstream_limits").none() = nb::none())
      .def_prop_ro("address", &DataPlane::address)
      .def("start", &DataPlane::start, Released())
      .def("apply", &DataPlane::apply, nb::arg("policy"), Released())
      .def("counts", [](DataPlane& self) { return total(self.stats()); }, Released())
      .def("demand", &DataPlane::demand, nb::arg("from_second"), nb::arg("to_second"), Released())
      .def("backends", &DataPlane::backends, Released())
      .def_prop_ro("held", &DataPlane::held)
      .def_prop_ro("held_bytes", &DataPlane::held_bytes)
      .def_prop_ro("retry_tokens", &DataPlane::retry_tokens)
      .def("event_fd", &DataPlane::event_fd)
      .def("events", &DataPlane::events)
      .def_prop_ro("events_lost", &DataPlane::events_lost)
      .def("drain", &DataPlane::drain, Released())
      .def_prop_ro("clients", &DataPlane::clients, Released())
      .def("stop", &DataPlane::stop, Released());
  m.def("default_upstream_limits", &DataPlaneOptions::default_upstream_limits);
}

void bind_balancer(nb::module_& m) {
  nb::class_<NamedBalancer>(m, "Balancer")
      .def("__init__", [](NamedBalancer* self, nb::callable randrange) {
             new (self) NamedBalancer([randrange](uint32_t below) { return nb::cast<uint32_t>(randrange(below)); });
           }, nb::arg("randrange"))
      .def("configure", &NamedBalancer::configure, nb::arg("outliers"))
      .def("ready", &NamedBalancer::ready, nb::arg("name"), nb::kw_only(), nb::arg("weight") = 1.0,
           nb::arg("slow_start_s") = 0.0, nb::arg("now_s") = 0.0)
      .def("not_ready", &NamedBalancer::not_ready, nb::arg("name"))
      .def("pick", &NamedBalancer::pick, nb::arg("candidates"), nb::arg("tried") = std::vector<std::string>())
      .def("take", &NamedBalancer::take, nb::arg("name"))
      .def("release", &NamedBalancer::release, nb::arg("name"))
      .def("outstanding", &NamedBalancer::outstanding, nb::arg("name"))
      .def("succeeded", &NamedBalancer::succeeded, nb::arg("name"))
      .def("failed", &NamedBalancer::failed, nb::arg("name"), nb::kw_only(), nb::arg("busy") = false, nb::arg("now_s"))
      .def("tick", &NamedBalancer::tick, nb::arg("now_s"))
      .def("success", &NamedBalancer::success, nb::arg("name"))
      .def("ejected", &NamedBalancer::ejected, nb::arg("name"))
      .def("reports", &NamedBalancer::reports);
}

}  // namespace

NB_MODULE(_native, m) {
  nb::set_leak_warnings(false);  // a DataPlane that lives until the process ends is no leak
  m.doc() = "The data plane in C++. See dataplane/README.md.";
  bind_limits(m);
  bind_policy(m);
  bind_counts(m);
  bind_data_plane(m);
  bind_balancer(m);
}

}  // namespace tidegate
