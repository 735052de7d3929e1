"""What a replica can do, from the batches that it has run. PURE."""

from dataclasses import dataclass

MEMORY_BATCHES = 200.0
"""Batches after which an observation's weight has fallen to 1/e. Long enough to smooth out a busy neighbour's moments,
short enough to follow a throttled device within seconds."""

_LEAST_S = 1e-6


@dataclass(slots=True)
class _Sums:
    """Weighted sums of a straight line's normal equations (x: rows, y: seconds)."""

    w: float = 0.0
    x: float = 0.0
    y: float = 0.0
    xx: float = 0.0
    xy: float = 0.0

    def add(self, rows: int, seconds: float, keep: float = 1.0) -> None:
        self.w = self.w * keep + 1.0
        self.x = self.x * keep + rows
        self.y = self.y * keep + seconds
        self.xx = self.xx * keep + rows * rows
        self.xy = self.xy * keep + rows * seconds


class Capacity:
    """Online fit of a batch's seconds t(rows) = a + c·rows, with a, c >= 0, by weighted least squares.

    Observations under load fade exponentially (MEMORY_BATCHES). Those of the warm-up, one small and one full batch,
    never fade: they are few, and they keep the slope known after an hour in which every batch was of one row.
    Least squares with a forgetting factor: Ljung, System Identification (1999), section 11.2.
    """

    def __init__(self, max_batch_rows: int, parallel: int = 1) -> None:
        self.max_batch_rows = max_batch_rows
        self._parallel = parallel
        self._keep = 1.0 - 1.0 / MEMORY_BATCHES
        self._anchors = _Sums()
        self._recent = _Sums()

    def anchor(self, rows: int, seconds: float) -> None:
        """Take in a batch of the warm-up, which ran alone."""
        self._anchors.add(rows, seconds)

    def observe(self, rows: int, seconds: float) -> None:
        """Take in a batch of real requests."""
        self._recent.add(rows, seconds, self._keep)

    def batch_s(self, rows: int) -> float | None:
        """Expected seconds of a batch of that many rows; None before any batch has run."""
        one, two = self._anchors, self._recent
        w, x, y = one.w + two.w, one.x + two.x, one.y + two.y
        if w == 0.0:
            return None
        spread = (one.xx + two.xx) - x * x / w
        if spread <= 1e-9 * (one.xx + two.xx):
            # One size only: exact at that size; for a larger batch assume the worst, that each row costs the same.
            return max(y / w * max(1.0, rows * w / x), _LEAST_S)
        slope = max(0.0, ((one.xy + two.xy) - x * y / w) / spread)
        start = (y - slope * x) / w
        if start < 0.0:  # the best line with a = 0 goes through the origin
            start, slope = 0.0, (one.xy + two.xy) / (one.xx + two.xx)
        return max(start + slope * rows, _LEAST_S)

    def rows_per_s(self) -> float | None:
        """Rows/s when every batch is full: parallel · max_batch_rows / t(max_batch_rows). None until measured.

        Example: 20 ms for a full batch of 32 rows on one instance is 1600 rows/s.
        """
        full_s = self.batch_s(self.max_batch_rows)
        return None if full_s is None else self._parallel * self.max_batch_rows / full_s
