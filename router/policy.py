"""What the data plane decides with, from what the router knows. PURE: values in, a whole policy out."""

from collections.abc import Mapping

import dataplane
from router.backends import Backend, Snapshot
from router.eta import Arrivals
from router.settings import RouterSettings
from router.weights import Weights
from tidegate.shared.values import BackendStatus

SERVICE = "/inference.GRPCInferenceService/"

CARRIED = {
    "ModelInfer": dataplane.RouteKind.INFERENCE,
    "ModelStreamInfer": dataplane.RouteKind.INFERENCE_STREAM,
    "ModelMetadata": dataplane.RouteKind.MODEL,
    "ModelConfig": dataplane.RouteKind.MODEL,
}
"""Rpcs of the inference service that go to one replica."""

OWN = (
    "ServerLive",
    "ServerReady",
    "ServerMetadata",
    "ModelReady",
    "ModelStatistics",
    "RepositoryIndex",
    "RepositoryModelLoad",
    "RepositoryModelUnload",
)
"""Those that the router answers itself; the rest (Triton's shared memory, trace and log rpcs) is refused."""

OWN_SERVICES = ("/grpc.health.v1.Health/", "/grpc.reflection.v1alpha.ServerReflection/")


_LAST_WORD = (BackendStatus.DRAINING, BackendStatus.READY, BackendStatus.UNHEALTHY, BackendStatus.STARTING)


def routes() -> list[dataplane.Route]:
    """Where each rpc goes. What is not listed is carried if the metadata `tidegate-model` says where to."""
    carried = [dataplane.Route(path=SERVICE + name, kind=kind) for name, kind in CARRIED.items()]
    own = [*(SERVICE + name for name in OWN), *OWN_SERVICES]
    local = [dataplane.Route(path=path, kind=dataplane.RouteKind.LOCAL) for path in own]
    return [*carried, *local, dataplane.Route(path=SERVICE, kind=dataplane.RouteKind.REFUSED)]


def policy(
    snapshot: Snapshot,
    targets: Mapping[str, str],
    arrivals: Arrivals,
    weights: Weights,
    settings: RouterSettings,
    *,
    local_address: str,
    now_s: float,
) -> dataplane.Policy:
    """The policy for one state of the backends.

    `targets` has the `ip:port` of each backend that was found by its address; `local_address` is where the router's
    own rpcs are answered.
    """
    return dataplane.Policy(
        backends=[
            _backend(backend, target, weights, settings) for target, backend in _by_target(snapshot, targets).items()
        ],
        models=_models(snapshot, arrivals, now_s),
        hold_unknown_models=snapshot.may_learn_models,
        routes=routes(),
        local_address=local_address,
        hold=dataplane.Hold(
            requests=settings.hold_requests,
            bytes=settings.hold_bytes,
            seconds=settings.hold_s,
            release_outstanding=settings.hold_release_outstanding,
        ),
        retry=dataplane.Retry(**settings.retry.model_dump()),
        outliers=dataplane.Outliers(**settings.ejection.model_dump()),
        times=dataplane.Times(**settings.times.model_dump()),
        max_models=settings.max_models,
        connections_per_backend=settings.connections_per_backend,
    )


def client_limits(settings: RouterSettings) -> dataplane.Limits:
    """What a client's connection may cost."""
    return dataplane.Limits(**settings.client_limits.model_dump())


def backend_limits(settings: RouterSettings) -> dataplane.Limits:
    """What a connection to a replica may cost; abuse limits are the data plane's own: replicas are ours."""
    limits = dataplane.default_upstream_limits()
    for name, value in settings.backend_limits.model_dump().items():
        setattr(limits, name, value)
    return limits


def _by_target(snapshot: Snapshot, targets: Mapping[str, str]) -> dict[str, Backend]:
    """One backend for each target. Of a replica that is known by two names (it stands in the settings as `localhost`
    and registers as 127.0.0.1) the drained name counts before a ready one: nothing new is sent to it by the other."""
    chosen: dict[str, Backend] = {}
    for backend in sorted(snapshot.backends, key=lambda one: _LAST_WORD.index(one.status)):
        if backend.address in targets:
            chosen.setdefault(targets[backend.address], backend)
    return chosen


def _backend(backend: Backend, target: str, weights: Weights, settings: RouterSettings) -> dataplane.Backend:
    return dataplane.Backend(
        address=target,
        ready=backend.status is BackendStatus.READY,
        all_models=backend.models is None,
        models=sorted(backend.models or ()),
        weight=weights.of(target),
        slow_start_s=min(backend.warm_up_s or 0.0, settings.slow_start_max_s),
    )


def _models(snapshot: Snapshot, arrivals: Arrivals, now_s: float) -> list[dataplane.Model]:
    models = []
    for name in sorted(snapshot.seen_models | arrivals.expected_models(now_s)):
        ready_at_s = None if snapshot.ready(name) else arrivals.next_ready_at_s(name, snapshot, now_s)
        models.append(dataplane.Model(name=name, eta_s=None if ready_at_s is None else ready_at_s - now_s))
    return models
