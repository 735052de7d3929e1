"""How each proxy is started, all in the same shape: one worker on core 0, HTTP/2 both ways, the same two backends."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PROXY_CORE, LOAD_CORE = "0", "1"
ROOT = Path(__file__).parents[2]

HAPROXY = """
global
    nbthread 1
    maxconn 4000
    tune.h2.initial-window-size 1048576
    tune.h2.max-concurrent-streams 1000
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend in
    bind {listen} proto h2
    default_backend out
backend out
    balance leastconn
    http-reuse always
    server a {backends[0]} proto h2
    server b {backends[1]} proto h2
"""

NGINX = """
worker_processes 1;
daemon off;
error_log /dev/null crit;
pid {folder}/nginx.pid;
events {{ worker_connections 10000; }}
http {{
  access_log off;
  client_max_body_size 64m;
  client_body_buffer_size 1m;
  client_body_temp_path {folder}/nginx-body;
  keepalive_requests 1000000000;
  upstream out {{
    least_conn;
    server {backends[0]};
    server {backends[1]};
    keepalive 256;
    keepalive_requests 1000000000;
  }}
  server {{
    listen {listen} http2;
    http2_max_concurrent_streams 1000;
    location / {{ grpc_pass grpc://out; }}
  }}
}}
"""

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
          generate_request_id: false
          http2_protocol_options: {{ max_concurrent_streams: 1000 }}
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [ {{ match: {{ prefix: "/" }}, route: {{ cluster: out, timeout: 0s }} }} ]
          http_filters:
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
              suppress_envoy_headers: true
  clusters:
  - name: out
    type: STATIC
    lb_policy: LEAST_REQUEST
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {{ http2_protocol_options: {{}} }}
    circuit_breakers: {{ thresholds: [ {{ max_requests: 100000, max_pending_requests: 100000 }} ] }}
    load_assignment: {{ cluster_name: out, endpoints: [ {{ lb_endpoints: [ {endpoints} ] }} ] }}
"""


@dataclass(slots=True)
class Proxy:
    """A running proxy. `process` is the one that carries: for nginx the worker, not the master."""

    name: str
    address: str
    parent: subprocess.Popen[bytes]
    process: int

    def cpu_s(self) -> float:
        """CPU seconds of the carrying process so far."""
        fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        self.parent.terminate()
        self.parent.wait(10)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def build(folder: Path) -> Path:
    """Our standalone proxy and the echo backend, built with optimisation."""
    subprocess.run(["cmake", "-S", str(ROOT / "dataplane"), "-B", str(folder)], check=True, stdout=sys.stderr)
    command = ["cmake", "--build", str(folder), "--target", "proxy", "echo", "-j2"]
    subprocess.run(command, check=True, stdout=sys.stderr)
    return folder


def pinned(core: str, command: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a program on one core, its output dropped."""
    silent = subprocess.DEVNULL
    return subprocess.Popen(["taskset", "-c", core, *command], stdout=silent, stderr=silent)


def wait_until_listening(address: str, process: subprocess.Popen[bytes]) -> None:
    host, _, port = address.rpartition(":")
    for _ in range(200):
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        try:
            socket.create_connection((host, int(port)), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"{process.args!r} does not listen on {address}")


def _commands(native: Path, folder: Path, backends: Sequence[str]) -> dict[str, tuple[str, list[str]]]:
    """Of each proxy that is installed: its address and its command."""
    addresses = {name: f"127.0.0.1:{free_port()}" for name in ("tidegate", "haproxy", "nginx", "envoy")}
    ours = [str(native / "proxy"), "--listen", addresses["tidegate"]]
    commands = {"tidegate": [*ours, "--backend", backends[0], "--backend", backends[1]]}
    if haproxy := shutil.which("haproxy", path=os.environ["PATH"] + ":/usr/sbin"):
        (folder / "haproxy.cfg").write_text(HAPROXY.format(listen=addresses["haproxy"], backends=backends))
        commands["haproxy"] = [haproxy, "-db", "-q", "-f", str(folder / "haproxy.cfg")]
    if nginx := shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin"):
        config = NGINX.format(listen=addresses["nginx"], backends=backends, folder=folder)
        (folder / "nginx.conf").write_text(config)
        commands["nginx"] = [nginx, "-c", str(folder / "nginx.conf"), "-p", str(folder)]
    if envoy := os.environ.get("ENVOY") or shutil.which("envoy"):
        ends = ", ".join(_ENDPOINT.format(host=a.split(":")[0], port=a.split(":")[1]) for a in backends)
        host, port = addresses["envoy"].split(":")
        (folder / "envoy.yaml").write_text(ENVOY.format(host=host, port=port, endpoints=ends))
        commands["envoy"] = [envoy, "--concurrency", "1", "-l", "off", "-c", str(folder / "envoy.yaml")]
    return {name: (addresses[name], command) for name, command in commands.items()}


def start_all(native: Path, folder: Path, backends: Sequence[str]) -> list[Proxy]:
    """Every proxy that is installed, running; ours first."""
    proxies = []
    for name, (address, command) in _commands(native, folder, backends).items():
        parent = pinned(PROXY_CORE, command)
        wait_until_listening(address, parent)
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
        process = int(children[0]) if name == "nginx" and children else parent.pid
        proxies.append(Proxy(name, address, parent, process))
    return proxies
