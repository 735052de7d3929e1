"""From a pool's settings to the values that the planner takes. PURE."""

from scaler.events import Event, own_name
from scaler.hpa import HpaSpec
from scaler.hpa_behavior import scale_down_default, scale_up_default
from scaler.observation import PoolSpec
from scaler.settings import PoolSettings
from tidegate.shared.values import Mode


def pool_spec(settings: PoolSettings) -> PoolSpec:
    """The planner's view of a pool. Half of the latency that is promised may be spent waiting."""
    return PoolSpec(
        name=settings.name,
        models=settings.models,
        min_replicas=settings.min_replicas,
        max_replicas=settings.max_replicas,
        slo_wait_s=settings.slo_latency_s / 2,
        target_outstanding_rows=settings.target_outstanding_rows,
        mode=None if settings.mode == "auto" else Mode(settings.mode),
        miss_price=settings.miss_price,
        max_utilization=settings.max_utilization,
        max_added_per_tick=settings.max_added_per_tick,
        max_removed_per_tick=settings.max_removed_per_tick,
        priority=settings.priority,
        units_per_replica=settings.units_per_replica,
        hpa=HpaSpec(
            target=settings.hpa.target_utilization,
            tolerance=settings.hpa.tolerance,
            sync_period_s=settings.hpa.sync_period_s,
            up=scale_up_default(settings.hpa.policy_period_s),
            down=scale_down_default(settings.hpa.downscale_stabilization_s, settings.hpa.policy_period_s),
        ),
    )


def pool_events(settings: PoolSettings) -> tuple[Event, ...]:
    """The planned events of a pool, as the forecaster is told them."""
    return tuple(
        Event(
            model,
            own_name(settings.name, one.name),
            one.start.timestamp(),
            one.end.timestamp(),
            one.factor or 0.0,
            one.rate_rps or 0.0,
        )
        for one in settings.events
        for model in ([one.model] if one.model else settings.models)
    )
