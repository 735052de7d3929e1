"""Under which trailing metadata a load report (protos/orca.proto) travels."""

STANDARD_KEY = "endpoint-load-metrics-bin"
"""ORCA's own key (gRFC A51), for Envoy, xDS clients and every reader of raw HTTP/2 trailers."""

APPLICATION_KEY = "tidegate-load-bin"
"""The same bytes once more. gRPC's C core keeps the standard key to itself (it is for its own balancing policies), so
that an application on grpc for Python or C++ never sees it; this one it hands over."""
