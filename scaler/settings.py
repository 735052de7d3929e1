"""Settings of the scaler: the table `[scaler]` of the file, and one table `[[scaler.pools]]` per pool."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import AwareDatetime, Field, model_validator

from tidegate.shared.settings import Address, Settings, Table

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class HpaSettings(Table):
    """The HPA that a pool is compared with; it decides in mode `hpa` alone. Defaults are Kubernetes' own."""

    target_utilization: float = Field(default=0.8, gt=0, le=1)
    """Share of the ready replicas' capacity that it aims at."""
    sync_period_s: Seconds = 15.0
    """Time from one of its decisions to the next."""
    tolerance: float = Field(default=0.1, ge=0, lt=1)
    """Relative distance from the target within which it does nothing."""
    downscale_stabilization_s: float = Field(default=300.0, ge=0, le=3600)
    """It scales in to the highest that it wanted in this time."""
    policy_period_s: Seconds = 15.0
    """It at most doubles, or adds 4, in this time."""


class EventSettings(Table):
    """A planned event: what the history can't know, such as a launch. The forecaster is told of it."""

    name: str = Field(min_length=1)
    """What it is called where decisions are explained."""
    start: AwareDatetime
    """Its first moment, with a time zone."""
    end: AwareDatetime
    """Its end."""
    model: str = ""
    """The model of the pool that has it; unset: each of them."""
    factor: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """The model's usual demand is multiplied by this."""
    rate_rps: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """The model's demand is this many requests/s, whatever is usual. Exactly one of the two is given."""

    @model_validator(mode="after")
    def _check(self) -> "EventSettings":
        if self.end <= self.start:
            raise ValueError(f"event {self.name!r} ends at {self.end.isoformat()}, not after it starts")
        if (self.factor is None) == (self.rate_rps is None):
            raise ValueError(f"event {self.name!r} needs a factor or a rate_rps, and not both")
        return self


class KubernetesSettings(Table):
    """How the scaler works in a cluster; with the executor `kubernetes` only."""

    namespace: str = Field(default="default", min_length=1)
    """The namespace whose PredictiveScalers are served, with their targets and pods."""
    kubeconfig: Path | None = None
    """A kubeconfig file; default: the service account of the pod that the scaler runs in."""
    node_pool_labels: tuple[str, ...] = (
        "karpenter.sh/nodepool",
        "eks.amazonaws.com/nodegroup",
        "cloud.google.com/gke-nodepool",
        "kubernetes.azure.com/agentpool",
        "node.kubernetes.io/instance-type",
    )
    """Labels of a node, the first that it has names its node pool: start-up times are told apart by it."""
    stale_s: Seconds = 60.0
    """With no news from the API for longer nothing is scaled; plans are still made."""
    resync_s: Seconds = 600.0
    """Everything watched is listed anew this often, whatever the watch said."""
    request_timeout_s: Seconds = 5.0
    """Longest wait for the API server's answer."""
    status_period_s: float = Field(default=30.0, ge=0)
    """Figures in a status are brought up to date no more often; a change that matters is written at once."""
    lease: str = Field(default="tidegate-scaler", min_length=1)
    """Name of the Lease that elects one of several scalers to act."""
    lease_duration_s: float = Field(default=12.0, ge=3, le=3600)
    """A leader that did not renew for so long is replaced. It gives up by itself after two thirds of it."""
    lease_retry_s: Seconds = 2.0
    """Time between tries to become, or to stay, the leader; less than a third of lease_duration_s."""

    @model_validator(mode="after")
    def _check(self) -> "KubernetesSettings":
        if self.lease_retry_s >= self.lease_duration_s / 3:
            raise ValueError(
                f"lease_retry_s = {self.lease_retry_s:g} must be less than a third of lease_duration_s = "
                f"{self.lease_duration_s:g}"
            )
        return self


class PoolSettings(Table):
    """One pool: one replica template, the models that its replicas serve, and how it may scale."""

    name: str = Field(min_length=1)
    """Name that its replicas register with at the routers."""
    models: tuple[str, ...] = Field(min_length=1)
    """Models that every replica of the pool serves."""
    min_replicas: int = Field(default=1, ge=0)
    """Never fewer; 0 lets an idle pool go away altogether."""
    max_replicas: int = Field(default=10, ge=1)
    """Never more."""
    mode: Literal["auto", "shadow", "floor", "full", "hpa"] = "auto"
    """How far the forecast may act; `auto` lets what it would have saved decide, `hpa` is for comparison."""
    slo_latency_s: Seconds = 1.0
    """Latency that requests should stay within; half of it may be spent waiting."""
    target_outstanding_rows: float | None = Field(default=None, gt=0)
    """Outstanding rows per replica that the reactive term aims at; default: capacity · slo_latency_s / 4."""
    prior_capacity_rows_per_s: float = Field(default=10.0, gt=0, allow_inf_nan=False)
    """Rows per second of one replica until it is measured."""
    prior_lead_s: Seconds = 120.0
    """Seconds from asked to ready until it is measured."""
    miss_price: float = Field(default=3.0, gt=0, allow_inf_nan=False)
    """Price of one late request in replica-seconds: higher buys more head-room."""
    max_utilization: float = Field(default=1.0, gt=0, le=1)
    """Share of a replica's measured capacity that is planned with. Random arrivals and errors of forecast and capacity
    are priced anyway: less than 1 is for what nobody measures."""
    max_added_per_tick: int | None = Field(default=None, ge=1)
    """At most so many replicas are added by one decision; default: no limit."""
    max_removed_per_tick: int | None = Field(default=None, ge=1)
    """At most so many replicas are removed by one decision; default: no limit."""
    scaled_by: Literal["scaler", "keda"] = "scaler"
    """Who carries the plans out; with `keda` a ScaledObject follows them, and this scaler starts and stops nothing."""
    priority: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    """Weight of this pool's late requests against other pools' where all share budget_units: 2 counts each twice."""
    units_per_replica: int = Field(default=1, ge=1)
    """What one replica takes of budget_units, such as its number of GPUs."""
    paused: bool = False
    """Plans are made and shown, and nothing is scaled. (`tidegate scale pause` does it for a while.)"""
    events: tuple[EventSettings, ...] = ()
    """Planned events; where two overlap both count."""
    hpa: HpaSettings = HpaSettings()
    """The HPA to compare with."""

    @model_validator(mode="after")
    def _check_bounds(self) -> "PoolSettings":
        if self.min_replicas > self.max_replicas:
            raise ValueError(
                f"pool {self.name!r}: min_replicas = {self.min_replicas} is more than max_replicas = "
                f"{self.max_replicas}"
            )
        strange = [one for one in self.events if one.model and one.model not in self.models]
        if strange:
            raise ValueError(
                f"event {strange[0].name!r} is of model {strange[0].model!r}; pool {self.name!r} has: "
                f"{', '.join(self.models)}"
            )
        return self


class ScalerSettings(Settings):
    """Settings of the scaler."""

    section: ClassVar[str] = "scaler"

    listen: Address = "127.0.0.1:8004"
    """Address of the Scaler service."""
    forecaster: Address = "127.0.0.1:8003"
    """Address of the forecaster."""
    routers: tuple[Address, ...] = Field(default=("127.0.0.1:8002",), min_length=1)
    """Admin addresses of every router."""
    store: Path = Path("tidegate-scaler.sqlite")
    """File of plans, lead and capacity observations."""
    keep_plans_s: Seconds = 7 * 86400.0
    """Plans older than this are forgotten."""
    keep_audit_s: Seconds = 400 * 86400.0
    """What people and earned trust changed is told for so long."""
    executor: Literal["local", "kubernetes"] = "local"
    """`local` starts and stops model server processes on this machine; `kubernetes` scales what PredictiveScalers in
    the cluster name."""
    dry_run: bool = False
    """Decide, and log what would be done; change nothing, on Kubernetes not even a status, and stand for no election.
    So it can run beside scalers that act."""
    config: Path | None = None
    """Config file that local replicas read their `[model_server]` settings from; default: environment only."""
    logs: Path | None = None
    """Directory for the local replicas' logs, one file each; default: the scaler's own stderr."""
    tick_s: Seconds = 5.0
    """Time from one decision to the next."""
    read_timeout_s: Seconds = 2.0
    """Longest wait for a router or the forecaster in one tick."""
    drain_s: Seconds = 30.0
    """Longest wait for a drained replica's requests to end before it is told to stop."""
    stop_s: Seconds = 45.0
    """Longest wait for a replica that was told to stop before it is killed."""
    budget_units: int | None = Field(default=None, ge=1)
    """What all pools together may have, such as GPUs: replicas times units_per_replica. Where they want more, replicas
    go where they avoid the most late requests; minima are kept. Unset: no limit."""
    pools: tuple[PoolSettings, ...] = ()
    """The pools; none with the executor `kubernetes`, which takes them from the cluster."""
    kubernetes: KubernetesSettings = KubernetesSettings()
    """The cluster."""

    @model_validator(mode="after")
    def _check_pools(self) -> "ScalerSettings":
        names = [pool.name for pool in self.pools]
        if self.executor == "kubernetes" and names:
            raise ValueError(f"pool {names[0]!r}: on Kubernetes a pool is a PredictiveScaler, not a setting")
        if self.executor != "kubernetes" and not names:
            raise ValueError("no pools: name at least one, as a table [[scaler.pools]]")
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"pool {min(twice)!r} stands there twice; a pool's name must be its own")
        least = sum(pool.min_replicas * pool.units_per_replica for pool in self.pools)
        if self.budget_units is not None and least > self.budget_units:
            raise ValueError(f"budget_units = {self.budget_units} is less than the pools' minima, {least} units")
        return self
