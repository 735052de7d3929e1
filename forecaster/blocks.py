"""Demand in blocks: runs of steps kept as one value each, and their roll-ups to coarser steps. PURE.

A block holds SLOTS steps of one source at one step length, its number counted from the epoch. Every block of a finer
step lies within one block of the next coarser one, so that a roll-up never needs a neighbour.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from forecaster.series import HALF, divides
from tidegate.shared.values import FloatArray

SLOTS = 300
"""Steps in a block: 10 s, a minute and five minutes divide it at each roll-up, and three blocks fill a page."""

TIERS_S = (10.0, 60.0, 300.0)
"""Steps that finer ones are rolled up to."""

Blocks = dict[int, FloatArray]
"""Blocks of one step length by their number, each of shape (SLOTS,), gaps NaN."""


@lru_cache(maxsize=64)
def tiers(step_s: float) -> tuple[float, ...]:
    """The source's own step, then every coarser one that it is rolled up to."""
    chain = [step_s]
    for coarser_s in TIERS_S:
        ratio = coarser_s / chain[-1]
        if ratio > 1.0 and abs(ratio - round(ratio)) < 1e-9 and SLOTS % round(ratio) == 0:
            chain.append(coarser_s)
    return tuple(chain)


def tier_for(step_s: float, wanted_s: float) -> float:
    """The coarsest step that is kept of a source and divides `wanted_s`; its own where none does."""
    fitting = [tier_s for tier_s in tiers(step_s) if divides(tier_s, wanted_s)]
    return fitting[-1] if fitting else step_s


def fold(
    rows: Iterable[tuple[int, FloatArray]], chain: Sequence[float], load: Callable[[float, int], FloatArray | None]
) -> dict[float, Blocks]:
    """Blocks by step, as they are once (slot, rates) `rows` are in them; a later row wins over an earlier one.

    `chain` is `tiers(step)` or its beginning; `load(step_s, number)` gives a block that is kept already. A missing
    value never erases a known one, so that what is told late and in part does not thin out a roll-up.
    """
    touched: Blocks = {}
    for slot, rates in rows:
        _put(touched, slot, rates, partial(load, chain[0]))
    result = {chain[0]: touched}
    for finer_s, coarser_s in pairwise(chain):
        ratio = round(coarser_s / finer_s)
        upper: Blocks = {}
        for number, block in touched.items():
            _put(upper, number * SLOTS // ratio, _means(block, ratio), partial(load, coarser_s))
        result[coarser_s] = touched = upper
    return result


def packed(block: FloatArray) -> bytes:
    """A block as bytes: 32-bit floats, whose rounding (6e-8) is far below the noise of any count."""
    return block.astype("<f4").tobytes()


def unpacked(kept: bytes) -> FloatArray:
    """The rates of `packed` bytes."""
    return np.frombuffer(kept, dtype="<f4").astype(np.float64)


def put(table: FloatArray, first: int, slot: int, rates: FloatArray) -> None:
    """Write rates from `slot` on over a table that starts at slot `first`; missing ones change nothing."""
    begin, end = max(slot, first), min(slot + len(rates), first + len(table))
    if begin < end:
        part, into = rates[begin - slot : end - slot], table[begin - first : end - first]
        known = np.isfinite(part)
        into[known] = part[known]


def known_ends(slot: int, rates: FloatArray) -> tuple[int, int] | None:
    """First and last slot that has a value; None where all are missing."""
    known: NDArray[np.int64] = np.flatnonzero(np.isfinite(rates))
    return (slot + int(known[0]), slot + int(known[-1])) if len(known) else None


def _put(blocks: Blocks, slot: int, rates: FloatArray, load: Callable[[int], FloatArray | None]) -> None:
    done = 0
    while done < len(rates):
        number, first = divmod(slot + done, SLOTS)
        part = rates[done : done + SLOTS - first]
        done += len(part)
        if not np.isfinite(part).any():
            continue  # a gap needs no block
        if number not in blocks:
            kept = load(number)
            blocks[number] = np.full(SLOTS, np.nan) if kept is None else kept
        put(blocks[number], 0, first, part)


def _means(block: FloatArray, ratio: int) -> FloatArray:
    table = block.reshape(-1, ratio)
    known = np.isfinite(table)
    counts = known.sum(axis=1)
    sums = np.where(known, table, 0.0).sum(axis=1)
    return np.where(counts >= HALF * ratio, sums / np.maximum(counts, 1), np.nan)
