"""Who leads: of several forecasters on one file, the one that holds the lease writes; the others read."""

from dataclasses import dataclass

from forecaster.database import Database

LEASE_S = 5.0
"""How long the others wait for a leader that says nothing more."""

RENEW_S = 1.0


@dataclass(frozen=True, slots=True)
class Held:
    """The lease as it stands. `leading`: it is ours; `address` is where the leader serves."""

    leading: bool
    address: str
    until_s: float


class Lease:
    """One forecaster's claim. `holder` names it for good: host and address, so that one that is started again after
    kill -9 leads again at once, as its predecessor can't be alive on the same address."""

    def __init__(self, database: Database, holder: str, address: str) -> None:
        self._database = database
        self._holder = holder
        self._address = address

    def claim(self, now_s: float) -> Held:
        """Take the lease or hold on to it where nobody else has it, and say who has. Raises NotReady."""
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO lease VALUES (1, ?1, ?2, ?3) ON CONFLICT (id) DO UPDATE "
                "SET holder = ?1, address = ?2, until_s = ?3 WHERE holder = ?1 OR until_s < ?4",
                (self._holder, self._address, now_s + LEASE_S, now_s),
            )
            holder, address, until_s = connection.execute("SELECT holder, address, until_s FROM lease").fetchone()
        return Held(holder == self._holder, address, until_s)

    def release(self) -> None:
        """Let go at an orderly stop, so that another leads at once."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM lease WHERE holder = ?", (self._holder,))
