"""Plans to protobuf: the one conversion. (Who reads plans reads the messages.)"""

from protos import scaling_pb2 as pb
from tidegate.shared.values import Mode, Plan, PlanInputs

_TO_MODE = {
    Mode.SHADOW: pb.MODE_SHADOW,
    Mode.FLOOR: pb.MODE_FLOOR,
    Mode.FULL: pb.MODE_FULL,
    Mode.HPA: pb.MODE_HPA,
}
MODE_OF = {wire: mode for mode, wire in _TO_MODE.items()}
"""The mode of a message; not there when it says none."""


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
