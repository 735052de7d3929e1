"""Looks at a running stack several times a second and keeps what it saw."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import grpc

from protos import forecast_pb2, forecast_pb2_grpc, router_pb2, router_pb2_grpc, scaling_pb2, scaling_pb2_grpc
from tidegate.demo.config import POOL, Stack
from tidegate.demo.models import CONSTANT, SCALED
from tidegate.demo.records import FAN, Prediction, Sample
from tidegate.demo.scenario import STEP_S
from tidegate.shared.grpc_server import channel
from tidegate.shared.values import FloatArray
from tidegate.shared.wire_scaling import MODE_OF

_READY = router_pb2.BackendState.STATUS_READY
_CALL_S = 2.0
_IMPORT_S = 30.0
SAMPLE_S = 0.25
PREDICT_S = 1.0


class Watcher:
    """Samples of one stack; `clock()` gives seconds from the start of the live part."""

    def __init__(self, stack: Stack) -> None:
        self._channels = [channel(address) for address in (stack.admin, stack.scaler, stack.forecaster)]
        admin, scaler, forecaster = self._channels
        self._router = router_pb2_grpc.RouterAdminStub(admin)
        self._scaler = scaling_pb2_grpc.ScalerStub(scaler)
        self._forecaster = forecast_pb2_grpc.ForecasterStub(forecaster)
        self.samples: list[Sample] = []
        self.predictions: list[Prediction] = []
        self._lead_s = 0.0

    @classmethod
    @asynccontextmanager
    async def of(cls, stack: Stack) -> AsyncIterator["Watcher"]:
        """A watcher whose connections are closed at the end."""
        watcher = cls(stack)
        try:
            yield watcher
        finally:
            for one in watcher._channels:
                await one.close()

    async def sample(self, at_s: float) -> Sample | None:
        """One look; None when a service does not answer (yet)."""
        try:
            status, state = await asyncio.gather(
                self._scaler.GetStatus(scaling_pb2.GetStatusRequest(pool=POOL), timeout=_CALL_S),
                self._router.GetState(router_pb2.GetStateRequest(), timeout=_CALL_S),
            )
        except grpc.aio.AioRpcError:
            return None
        pool = next((one for one in status.pools if one.pool == POOL), None)
        if pool is None:
            return None
        self._lead_s = pool.plan.inputs.lead_s
        return Sample(
            at_s=at_s,
            asked=pool.starting + pool.ready + pool.draining,
            ready=sum(one.pool == POOL and one.status == _READY for one in state.backends),
            outstanding=sum(one.outstanding + one.held for one in state.models if one.model == SCALED),
            mode=MODE_OF.get(pool.plan.mode, "?"),
        )

    async def predict(self, at_s: float) -> Prediction | None:
        """The forecast of the scaled model, one lead ahead; None while the lead isn't known or there is no forecast."""
        if self._lead_s == 0.0:
            return None
        ahead_s = max(1.0, self._lead_s)
        request = forecast_pb2.ForecastRequest(model=SCALED, horizon_s=ahead_s + 2.0, quantiles=FAN)
        try:
            answer = await self._forecaster.Forecast(request, timeout=_CALL_S)
        except grpc.aio.AioRpcError:
            return None
        step = int((answer.issued_at_s + ahead_s - answer.start_s) // answer.step_s)
        step = min(len(answer.values[0].rate_rps) - 1, max(0, step))
        for_s = at_s + answer.start_s + step * answer.step_s - answer.issued_at_s
        return Prediction(at_s, for_s, tuple(path.rate_rps[step] for path in answer.values))

    async def keep_looking(self, clock: Callable[[], float]) -> None:
        """Keep samples and predictions until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_sampling(clock))
            tasks.create_task(self._keep_predicting(clock))

    async def _keep_sampling(self, clock: Callable[[], float]) -> None:
        while True:
            if sample := await self.sample(clock()):
                self.samples.append(sample)
            await asyncio.sleep(SAMPLE_S - clock() % SAMPLE_S)

    async def _keep_predicting(self, clock: Callable[[], float]) -> None:
        while True:
            if prediction := await self.predict(clock()):
                self.predictions.append(prediction)
            await asyncio.sleep(PREDICT_S - clock() % PREDICT_S)

    async def import_history(self, start_s: float, rate_rps: FloatArray) -> None:
        """Give the forecaster the scaled model's past, one second a value."""
        past = forecast_pb2.ObserveRequest(
            model=SCALED, source="import", start_s=start_s, step_s=STEP_S, rate_rps=rate_rps.tolist()
        )
        # It may have come up after our first try to connect: wait for it.
        await self._forecaster.Observe(iter([past]), timeout=_IMPORT_S, wait_for_ready=True)

    async def until_ready(self, replicas: int, timeout_s: float) -> bool:
        """Wait until so many replicas of the pool are ready, and the one that stays; False when it takes too long."""
        for _ in range(round(timeout_s / SAMPLE_S)):
            if await self._all_ready(replicas):
                return True
            await asyncio.sleep(SAMPLE_S)
        return False

    async def _all_ready(self, replicas: int) -> bool:
        try:
            state = await self._router.GetState(router_pb2.GetStateRequest(), timeout=_CALL_S)
        except grpc.aio.AioRpcError:
            return False
        ready = {model.model: model.ready_backends for model in state.models}
        result: bool = ready.get(SCALED, 0) >= replicas and ready.get(CONSTANT, 0) > 0
        return result
