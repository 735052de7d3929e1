"""Made-up traffic: a tide of a day (and a week), sharp recurring spikes, Poisson counts. PURE."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tidegate.shared.errors import InvalidSetting
from tidegate.shared.values import FloatArray


@dataclass(frozen=True, slots=True)
class Spike:
    """A burst that comes back: a plateau of `height` times the tide for `width_s`, every `period_s` from `at_s` on.

    Each occurrence is moved by a normal `jitter_s`, grows by `growth` per occurrence (0.01: 1% higher each time), and
    is left out with probability `missed`. Its edges are as steep as the grid: rivals have no slope to extrapolate.
    """

    period_s: float
    at_s: float
    width_s: float
    height: float
    jitter_s: float = 0.0
    growth: float = 0.0
    missed: float = 0.0

    def __post_init__(self) -> None:
        """Raises InvalidSetting naming the field and the value."""
        for name in ("period_s", "width_s", "height"):
            if not getattr(self, name) > 0:
                raise InvalidSetting(f"spike {name} = {getattr(self, name)}: must be above 0")
        if not 0 <= self.missed <= 1:
            raise InvalidSetting(f"spike missed = {self.missed}: must be within 0 and 1")


@dataclass(frozen=True, slots=True)
class Tide:
    """Mean requests/s: `base_rps` at low water, `peak_rps` at high water of each day; `weekend` scales days 6 and 7."""

    base_rps: float
    peak_rps: float
    day_s: float
    phase: float = 0.0
    weekend: float = 1.0
    spikes: tuple[Spike, ...] = ()

    def __post_init__(self) -> None:
        """Raises InvalidSetting naming the field and the value."""
        if not 0 <= self.base_rps <= self.peak_rps:
            raise InvalidSetting(f"tide base_rps = {self.base_rps}: must be within 0 and peak_rps = {self.peak_rps}")
        if not self.day_s > 0:
            raise InvalidSetting(f"tide day_s = {self.day_s}: must be above 0")


def spike_times(spike: Spike, duration_s: float, rng: np.random.Generator) -> list[tuple[float, float]]:
    """(start, height) of each occurrence that begins within [0, duration)."""
    count = max(0, int(np.ceil((duration_s - spike.at_s) / spike.period_s)))
    jitter = rng.normal(0.0, 1.0, count) * spike.jitter_s
    kept = rng.random(count) >= spike.missed
    starts = spike.at_s + spike.period_s * np.arange(count) + jitter
    heights = spike.height * (1 + spike.growth) ** np.arange(count)
    return [(float(start), float(height)) for start, height, keep in zip(starts, heights, kept, strict=True) if keep]


def rates(tide: Tide, duration_s: float, step_s: float, rng: np.random.Generator) -> FloatArray:
    """Mean requests/s of each step, shape (duration / step,)."""
    times: FloatArray = step_s * np.arange(round(duration_s / step_s), dtype=np.float64)
    wave = 0.5 - 0.5 * np.cos(2 * np.pi * (times / tide.day_s + tide.phase))
    rate = tide.base_rps + (tide.peak_rps - tide.base_rps) * wave
    rate = np.where((times // tide.day_s) % 7 >= 5, rate * tide.weekend, rate)
    factor = np.ones_like(times)
    for spike in tide.spikes:
        for start, height in spike_times(spike, duration_s, rng):
            inside = _overlap(times, step_s, start, start + spike.width_s)
            factor = np.maximum(factor, 1 + (height - 1) * inside)
    return rate * factor


def counts(rate_rps: Sequence[float] | FloatArray, step_s: float, rng: np.random.Generator) -> FloatArray:
    """Requests that came in each step when they come independently (Poisson)."""
    return rng.poisson(np.asarray(rate_rps) * step_s).astype(float)


def _overlap(times: FloatArray, step_s: float, start_s: float, end_s: float) -> FloatArray:
    """Share of each step that lies within [start, end)."""
    result: FloatArray = np.clip(np.minimum(times + step_s, end_s) - np.maximum(times, start_s), 0.0, step_s) / step_s
    return result
