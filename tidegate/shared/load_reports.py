"""What replicas tell of themselves in trailing metadata, and under which names."""

import math
from collections.abc import Iterable

STANDARD_KEY = "endpoint-load-metrics-bin"
"""ORCA's own key for a load report (protos/orca.proto; gRFC A51), for Envoy, xDS clients and every reader of raw HTTP/2
trailers."""

APPLICATION_KEY = "tidegate-load-bin"
"""The same bytes once more. gRPC's C core keeps the standard key to itself (it is for its own balancing policies), so
that an application on grpc for Python or C++ never sees it; this one it hands over."""

WARM_UP_KEY = "tidegate-warm-up-s"
"""Seconds that all models of the replica took to warm up; with RepositoryIndex."""


def warm_up_s(metadata: Iterable[tuple[str, str | bytes]] | None) -> float | None:
    """What a replica says under WARM_UP_KEY; None when it says nothing that makes sense."""
    said = dict(metadata or ()).get(WARM_UP_KEY)
    try:
        seconds = float(said or "nan")
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
