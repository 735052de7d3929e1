"""Figures as reasons write them. PURE."""


def figure(value: float) -> str:
    """Three significant digits, whole from a hundred on and never with an exponent upwards: 0.0123, 12.3, 1230."""
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
