"""Letting pods of a target go without losing a request: annotate, drain at every router, wait, lower the number."""

import asyncio
from collections.abc import Callable, Mapping

import structlog
from kubernetes.aio.client.exceptions import ApiException

from scaler.kubernetes.pods import PodPhase
from scaler.kubernetes.scaling import Step
from scaler.kubernetes.target import VICTIM_COST, ScaleTarget
from scaler.retiring import POLL_S, RouterControl
from tidegate.shared.errors import NotReady
from tidegate.shared.kubernetes.api import message_of

LET_GO_WITHIN_S = 30.0
"""A victim that nobody stopped in this time after the number was lowered serves on."""

_log = structlog.get_logger(__name__)


class Retirement:
    """One step down, in a task of its own. `victims` is what it takes out of service; `failed` why it gave up."""

    def __init__(
        self,
        target: ScaleTarget,
        routers: RouterControl,
        step: Step,
        addresses: Mapping[str, str],
        drain_s: float,
        may_act: Callable[[], bool],
    ) -> None:
        assert step.replicas is not None
        self.victims = frozenset(step.victims)
        self.replicas = step.replicas
        self.lowered = False
        self.failed = ""
        self._target = target
        self._routers = routers
        self._addresses = [addresses[name] for name in step.victims if name in addresses]
        self._drain_s = drain_s
        self._may_act = may_act
        self._task = asyncio.create_task(self._run())

    @property
    def over(self) -> bool:
        """True when nothing more will be done."""
        return self._task.done()

    async def give_up(self) -> None:
        """Let the victims serve on, unless the number is lowered already."""
        if self.lowered:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def close(self) -> None:
        """End it wherever it stands, because the scaler stops: who is still there goes back into service.

        A victim that is stopped all the same after that drains by its own SIGTERM.
        """
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            await self._target.set_costs(sorted(self.victims), VICTIM_COST)
            if not await self._drained():
                self.failed = "a router did not acknowledge the drain"
            elif not self._may_act():
                self.failed = "this scaler may not act any more"
            else:
                self.lowered = True  # from here on it can't be taken back
                await self._target.set_replicas(self.replicas)
                _log.info("let go", target=str(self._target.target), pods=sorted(self.victims))
                await self._gone()
        except (ApiException, NotReady) as error:
            self.failed = message_of(error)
        finally:
            await self._keep_survivors()

    async def _drained(self) -> bool:
        """True when every router acknowledged; then wait, within the limit, until the victims have nothing to do."""
        if not all(await asyncio.gather(*(self._routers.drain(address) for address in self._addresses))):
            return False
        try:
            async with asyncio.timeout(self._drain_s):
                while any([await self._routers.outstanding(address) for address in self._addresses]):  # noqa: ASYNC110 - another process's state
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            _log.warning("still busy after the drain time", pods=[*self.victims], drain_s=self._drain_s)
        return True

    async def _gone(self) -> None:
        try:
            async with asyncio.timeout(LET_GO_WITHIN_S):
                while self._survivors() and len(self._live()) > self.replicas:  # noqa: ASYNC110 - as above
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            _log.warning("nobody stops the victims", target=str(self._target.target))
        if self._survivors():
            _log.warning("other pods were let go instead", kept=sorted(self._survivors()))

    def _survivors(self) -> set[str]:
        """Victims that still live."""
        return set(self.victims & self._live())

    def _live(self) -> set[str]:
        return {one.name for one in self._target.pods() if one.phase is not PodPhase.GOING}

    async def _keep_survivors(self) -> None:
        """Whoever is still there goes back into service, and costs as much as any other."""
        survivors = self._survivors()
        if not survivors:
            return
        await asyncio.gather(*(self._routers.resume(address) for address in self._addresses))
        try:
            await self._target.set_costs(sorted(survivors), None)
        except (ApiException, NotReady) as error:
            _log.warning("deletion costs stay annotated", pods=sorted(survivors), why=message_of(error))
