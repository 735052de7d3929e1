"""What else may say that replicas are too few: how busy they are, how long work waits in them, what fails. PURE.

Each signal is a ratio to its target and asks for replicas by the HPA's formula; as with an HPA's metrics the one that
asks for most counts, and one without a reading has no say. None of them tells how much more is needed: a replica with
dynamic batching is busy at half its capacity too (it runs smaller batches; compare dcgm-exporter#301), and a wait grows
with time. So they ask for no more than demand and measured capacity explain, `useful`. Only when that much is ready and
requests wait or fail all the same, the measured capacity is doubted: by a factor of two at most.
"""

from dataclasses import dataclass

from scaler import hpa
from scaler.observation import Observation, PoolSpec
from scaler.wording import figure

BUSY_TARGET = 0.9
"""Above, a replica has no time left for a batch that comes a little early."""
ERROR_TARGET = 0.01
DOUBT = 2.0
"""How far the measured capacity is doubted, and so the most that a ratio counts for."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One signal: its reading in words, how many replicas it asks for (0: it has no reason to)."""

    words: str
    replicas: int


def read(spec: PoolSpec, observation: Observation, useful: int) -> list[Signal]:
    """The signals that have a reading. `useful` replicas serve the demand and clear what waits, as far as is known."""
    load, target_wait_s = observation.load, spec.slo_wait_s / 2
    doubted = observation.ready >= useful
    found = []
    if load.busy_share is not None:
        asked = _asked(observation, load.busy_share / BUSY_TARGET, useful)
        found.append(Signal(f"{load.busy_share:.0%} busy", asked))
    if load.queue_wait_s is not None:
        asked = _asked(observation, load.queue_wait_s / target_wait_s, DOUBT * useful if doubted else useful)
        found.append(Signal(f"{figure(load.queue_wait_s)} s of work wait in a replica", asked))
    if load.error_share is not None:
        strained = (load.busy_share or 0.0) >= BUSY_TARGET or (load.queue_wait_s or 0.0) >= target_wait_s
        words = f"{load.error_share:.1%} fail"
        if load.error_share > ERROR_TARGET and not strained:
            found.append(Signal(f"{words}, not for want of replicas", 0))
        else:
            asked = _asked(observation, load.error_share / ERROR_TARGET, DOUBT * useful if doubted else useful)
            found.append(Signal(words, asked))
    return found


def strongest(spec: PoolSpec, observation: Observation, useful: int) -> tuple[int, str]:
    """What the one asks for that asks for most, 0 for none, and all readings in words."""
    found = read(spec, observation, useful)
    words = [f"{one.words} asks for {one.replicas}" if one.replicas else one.words for one in found]
    return max((one.replicas for one in found), default=0), ", ".join(words)


def _asked(observation: Observation, ratio: float, most: float) -> int:
    """What the HPA's formula asks for, within reason; 0 where it is content."""
    if ratio <= 1.0:
        return 0
    wanted = hpa.proportional(observation.ready, observation.starting, min(ratio, DOUBT))
    return min(wanted, int(most))
