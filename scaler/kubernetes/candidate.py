"""Who of several scalers acts: one candidate's side of a Lease. PURE.

The algorithm is client-go's (tools/leaderelection): a candidate trusts its own clock only, so a lease has lapsed when
it was not seen to change for its duration. The times written into it are for people. `now_s` is of any steady clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

GIVE_UP_SHARE = 2 / 3
"""A leader that did not renew for this share of the duration stops acting, before another may begin."""


@dataclass(slots=True)
class Candidate:
    """One scaler, by a name that no other has."""

    identity: str
    duration_s: float
    _record: tuple[object, ...] = ()
    _seen_at_s: float = 0.0
    _renewed_at_s: float | None = None

    def leads(self, now_s: float) -> bool:
        """True while nobody else can."""
        return self._renewed_at_s is not None and now_s < self._renewed_at_s + GIVE_UP_SHARE * self.duration_s

    def claim(self, spec: Mapping[str, Any], now_s: float, written_at: str) -> dict[str, Any] | None:
        """What to write in place of a lease's spec, {} of one that is not there; None while another holds it."""
        record = (spec.get("holderIdentity"), spec.get("renewTime"), spec.get("leaseTransitions"))
        if record != self._record:
            self._record, self._seen_at_s = record, now_s
        holder = spec.get("holderIdentity") or ""
        lapses_at_s = self._seen_at_s + spec.get("leaseDurationSeconds", 0)
        if holder and holder != self.identity and now_s < lapses_at_s:
            return None
        held = holder == self.identity
        return {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": max(1, round(self.duration_s)),
            "acquireTime": spec.get("acquireTime", written_at) if held else written_at,
            "renewTime": written_at,
            "leaseTransitions": spec.get("leaseTransitions", 0) + (0 if held or not spec else 1),
        }

    def renewed(self, asked_at_s: float) -> None:
        """The claim of that time was written."""
        self._renewed_at_s = asked_at_s

    def resigned(self) -> None:
        """It leads no more."""
        self._renewed_at_s = None
