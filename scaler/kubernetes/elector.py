"""Leader election by a Lease: the loop around a `Candidate`."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus

import structlog
from kubernetes.aio.client.exceptions import ApiException

from scaler.kubernetes.candidate import Candidate
from tidegate.shared.errors import ServiceUnreachable
from tidegate.shared.kubernetes.api import Api, Object, message_of

_log = structlog.get_logger(__name__)


class Elector:
    """Tries to become, and then to stay, the leader; `leads` is true only while nobody else can be."""

    def __init__(
        self, api: Api, namespace: str, lease: str, candidate: Candidate, retry_s: float, steady: Callable[[], float]
    ) -> None:
        self._api = api
        self._leases = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._lease = lease
        self._candidate = candidate
        self._retry_s = retry_s
        self._steady = steady
        self._task = asyncio.create_task(self._run())

    @property
    def leads(self) -> bool:
        """Whether this scaler may act now."""
        return self._candidate.leads(self._steady())

    async def close(self) -> None:
        """Let another lead at once, rather than when the lease lapses."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if not self.leads:
            return
        self._candidate.resigned()
        try:
            lease = await self._api.get(f"{self._leases}/{self._lease}")
            lease["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1}
            await self._api.request("PUT", f"{self._leases}/{self._lease}", lease)
        except (ApiException, ServiceUnreachable) as error:
            _log.warning("the lease is left to lapse", lease=self._lease, why=message_of(error))

    async def _run(self) -> None:
        led = failing = False
        while True:
            try:
                await self._try()
                failing = False
            except (ApiException, ServiceUnreachable) as error:
                if not failing:
                    _log.warning("lease can't be read or written", lease=self._lease, why=message_of(error))
                failing = True
            if self.leads is not led:
                led = not led
                _log.info("leading" if led else "not leading", lease=self._lease, identity=self._candidate.identity)
            await asyncio.sleep(self._retry_s)

    async def _try(self) -> None:
        began_s = self._steady()
        lease = await self._read()
        spec = self._candidate.claim(lease.get("spec") or {}, began_s, _written(datetime.now(UTC)))
        if spec is None:
            self._candidate.resigned()
            return
        try:
            if lease:
                await self._api.request("PUT", f"{self._leases}/{self._lease}", {**lease, "spec": spec})
            else:
                meta = {"name": self._lease, "labels": {"app.kubernetes.io/part-of": "tidegate"}}
                new = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec}
                await self._api.request("POST", self._leases, new)
        except ApiException as error:
            if error.status == HTTPStatus.CONFLICT:  # another was first; the next look says who
                return
            raise
        self._candidate.renewed(began_s)

    async def _read(self) -> Object:
        try:
            return await self._api.get(f"{self._leases}/{self._lease}")
        except ApiException as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return {}
            raise


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
