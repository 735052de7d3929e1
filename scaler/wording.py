"""Figures and reasons as people read them. PURE."""

from tidegate.shared.values import Plan


def figure(value: float) -> str:
    """Three significant digits, whole from a hundred on and never with an exponent upwards: 0.0123, 12.3, 1230."""
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def plan_reason(plan: Plan) -> str:
    """Why the plan is what it is, in one line: the last step that bound, else the term that asks for most."""
    if plan.adjustments:
        last = plan.adjustments[-1]
        return f"{last.name}: {last.reason}"
    terms = [one for one in plan.terms if one.replicas is not None]
    if not terms:
        return "no term has data"
    top = max(terms, key=lambda one: one.replicas or 0)
    return f"{top.name}: {top.reason}"
