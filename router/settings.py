"""Settings of the router."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from router.limits import BackendLimits, ClientLimits, EjectionSettings, RetrySettings, TimeLimits
from tidegate.shared.settings import Address, Settings, Table


class DiscoverySettings(Table):
    """Replicas found in a cluster: each Service of the namespace that the selector picks is a pool."""

    namespace: str = Field(min_length=1)
    """Namespace of the model servers."""
    selector: str = Field("tidegate.dev/pool", min_length=1)
    """Label selector of their Services, whose labels their EndpointSlices carry. The value of the label
    `tidegate.dev/pool` names the pool; without that label the Service does."""
    port: str = "grpc"
    """Name of the Service's port that takes inferences."""
    kubeconfig: Path | None = None
    """A kubeconfig file; default: the service account of the pod that the router runs in."""
    max_endpoints: int = Field(2000, ge=1)
    """Most replicas that are taken in; those beyond are ignored, and the log and a metric say so."""
    stale_s: float = Field(60.0, gt=0)
    """Not confirmed for longer, the replicas are shown as frozen; they stay as they were seen last."""
    resync_s: float = Field(600.0, gt=0)
    """Everything is listed anew this often, whatever the watch said."""
    request_timeout_s: float = Field(5.0, gt=0)
    """Longest wait for the API server's answer."""


class RouterSettings(Settings):
    """Table `[router]`, environment `TIDEGATE_ROUTER_…`."""

    section: ClassVar[str] = "router"

    listen: Address = "127.0.0.1:8001"
    """Data port: inference and model repository rpcs."""
    admin: Address = "127.0.0.1:8002"
    """Admin port: registration, drain, state, demand. Whoever reaches it can drain a backend: keep it inside."""
    backends: tuple[Address, ...] = ()
    """Replicas that are always known; others register themselves on the admin port."""
    discovery: DiscoverySettings | None = None
    """Finding replicas in a Kubernetes cluster; off unless given."""
    threads: int = Field(1, ge=1, le=256)
    """Threads that carry requests; each may fill a core."""
    health_checks: bool = True
    """Off: each backend is taken as ready and as serving every model."""
    health_interval_s: float = Field(1.0, gt=0)
    """How often each backend is asked for its models, and for its health if it can't be watched."""
    health_timeout_s: float = Field(5.0, gt=0)
    """A backend that takes longer than this to answer a health check has failed it."""
    hold_requests: int = Field(1000, ge=0, lt=2**32)
    """Most requests that wait for a ready replica; 0 holds none."""
    hold_bytes: int = Field(256 * 1024 * 1024, ge=0, lt=2**63)
    """Most bytes of requests that wait for a ready replica."""
    hold_s: float = Field(60.0, ge=0)
    """Longest wait for a ready replica; a request's own deadline may be earlier."""
    hold_release_outstanding: int = Field(32, ge=1, lt=2**32)
    """While requests wait for a model, each of its replicas gets at most so many at once: what waited is spread over
    the replicas that become ready, not heaped on the first."""
    slow_start_max_s: float = Field(60.0, ge=0)
    """A newly ready replica is weighed in over the time that its own warm-up took, and no longer than this; 0: at
    once."""
    registration_ttl_s: float = Field(15.0, gt=0)
    """A replica registers again within this (it does so at a third); otherwise its health check alone keeps it."""
    demand_keep_s: int = Field(3600, ge=1)
    """Seconds of demand that a watcher which connects later can still read."""
    max_models: int = Field(1000, ge=1, lt=2**32)
    """Model names asked for, but served by no backend, that are counted one by one; the rest as "(other)"."""
    connections_per_backend: int = Field(16, ge=1, lt=2**32)
    """Most connections of one thread to one backend; beyond them requests wait for its MAX_CONCURRENT_STREAMS."""
    drain_s: float = Field(30.0, ge=0)
    """On SIGTERM: longest time that requests in flight are given to end."""
    router_id: str | None = None
    """Name of this router in the demand history; default: host name and data port. No two routers may share one."""
    retry: RetrySettings = RetrySettings()
    """Sending a request to another replica."""
    ejection: EjectionSettings = EjectionSettings()
    """Sending nothing for a while to a replica that fails."""
    times: TimeLimits = TimeLimits()
    """How long parts of a request may take."""
    client_limits: ClientLimits = ClientLimits()
    """What a client's connection may cost."""
    backend_limits: BackendLimits = BackendLimits()
    """Connections to replicas."""
