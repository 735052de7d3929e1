"""Plans to protobuf and back: the one conversion."""

from protos import scaling_pb2 as pb
from tidegate.shared.values import Adjustment, Mode, Plan, PlanInputs, Term

_TO_MODE = {Mode.SHADOW: pb.MODE_SHADOW, Mode.FLOOR: pb.MODE_FLOOR, Mode.FULL: pb.MODE_FULL}
_FROM_MODE = {wire: mode for mode, wire in _TO_MODE.items()}


def to_proto(plan: Plan, *, dry_run: bool = False) -> pb.Plan:
    """A plan on the wire; `dry_run` says that nobody carries it out."""
    return pb.Plan(
        pool=plan.pool,
        at_s=plan.at_s,
        mode=_TO_MODE[plan.mode],
        mode_reason=plan.mode_reason,
        ready=plan.ready,
        asked=plan.asked,
        desired=plan.desired,
        terms=[
            pb.Term(name=term.name, replicas=term.replicas or 0, known=term.replicas is not None, reason=term.reason)
            for term in plan.terms
        ],
        adjustments=[
            pb.Adjustment(name=one.name, before=one.before, after=one.after, reason=one.reason)
            for one in plan.adjustments
        ],
        inputs=_inputs_to_proto(plan.inputs),
        dry_run=dry_run,
    )


def from_proto(wire: pb.Plan) -> Plan:
    """The plan that a message carries. Raises KeyError for a mode that this version doesn't know."""
    return Plan(
        pool=wire.pool,
        at_s=wire.at_s,
        mode=_FROM_MODE[wire.mode],
        mode_reason=wire.mode_reason,
        ready=wire.ready,
        asked=wire.asked,
        desired=wire.desired,
        inputs=_inputs_from_proto(wire.inputs),
        terms=tuple(Term(term.name, term.replicas if term.known else None, term.reason) for term in wire.terms),
        adjustments=tuple(Adjustment(one.name, one.before, one.after, one.reason) for one in wire.adjustments),
    )


def _inputs_to_proto(inputs: PlanInputs) -> pb.Inputs:
    return pb.Inputs(
        lead_s=inputs.lead_s,
        lead_source=inputs.lead_source,
        capacity_rows_per_s=inputs.capacity_rows_per_s,
        capacity_source=inputs.capacity_source,
        window_s=inputs.window_s,
        demand_rows_per_s=inputs.demand_rows_per_s,
        outstanding_rows=inputs.outstanding_rows,
        quantiles=inputs.quantiles,
        window_max_rows_per_s=inputs.window_max_rows_per_s,
        skill_vs_seasonal_naive=inputs.skill_vs_seasonal_naive,
        skill_vs_last_value=inputs.skill_vs_last_value,
    )


def _inputs_from_proto(wire: pb.Inputs) -> PlanInputs:
    def known(name: str) -> float | None:
        return getattr(wire, name) if wire.HasField(name) else None

    return PlanInputs(
        lead_s=wire.lead_s,
        lead_source=wire.lead_source,
        capacity_rows_per_s=wire.capacity_rows_per_s,
        capacity_source=wire.capacity_source,
        window_s=wire.window_s,
        demand_rows_per_s=known("demand_rows_per_s"),
        outstanding_rows=known("outstanding_rows"),
        quantiles=tuple(wire.quantiles),
        window_max_rows_per_s=tuple(wire.window_max_rows_per_s),
        skill_vs_seasonal_naive=known("skill_vs_seasonal_naive"),
        skill_vs_last_value=known("skill_vs_last_value"),
    )
