"""KEDA's contract, asked as KEDA asks it, of a running scaler whose pool somebody else scales."""

import asyncio
from pathlib import Path

import grpc
import pytest

from protos import externalscaler_pb2 as pb
from protos.externalscaler_pb2_grpc import ExternalScalerStub
from protos.scaling_pb2 import ExplainRequest, SetOverrideRequest
from protos.scaling_pb2_grpc import ScalerStub
from tests.support.scaler import Scaler
from tests.support.waiting import until
from tidegate.shared.grpc_server import channel

DIGITS = pb.ScaledObjectRef(name="digits", namespace="default", scalerMetadata={"pool": "p"})


async def test_the_metric_is_what_is_planned_and_the_scaler_itself_starts_nothing(tmp_path: Path) -> None:
    async with Scaler(tmp_path, scaled_by="keda").running() as scaler, channel(scaler.address) as one:
        keda = ExternalScalerStub(one)
        await until(lambda: scaler.controller.pools["p"].plan is not None)
        spec = (await keda.GetMetricSpec(DIGITS)).metricSpecs[0]
        assert (spec.metricName, spec.targetSize, spec.targetSizeFloat) == ("tidegate-replicas", 1, 1.0)
        asked = pb.GetMetricsRequest(scaledObjectRef=DIGITS, metricName="tidegate-replicas")
        value = (await keda.GetMetrics(asked)).metricValues[0]
        assert (value.metricName, value.metricValue, value.metricValueFloat) == ("tidegate-replicas", 1, 1.0)
        assert (await keda.IsActive(DIGITS)).result
        (scaler.there / "pod-1").touch()  # KEDA, and its HPA, have done so
        scaler.router.load_rps = 30.0
        await until(lambda: scaler.controller.pools["p"].plan.desired == 4)
        assert (await keda.GetMetrics(asked)).metricValues[0].metricValueFloat == 4.0
        plan = await ScalerStub(one).Explain(ExplainRequest(pool="p"))
        assert (plan.dry_run, scaler.replicas()) == (True, ["pod-1"])


async def test_keda_is_told_when_the_first_replica_is_needed_and_the_last_is_not(tmp_path: Path) -> None:
    async with Scaler(tmp_path, scaled_by="keda", min_replicas=0).running() as scaler, channel(scaler.address) as one:
        await until(lambda: scaler.controller.pools["p"].plan is not None)
        told = ExternalScalerStub(one).StreamIsActive(DIGITS)
        assert not (await told.read()).result
        pin = SetOverrideRequest(pool="p", kind="pin", value="1", reason="launch", by="ann@desk", for_s=60)
        await ScalerStub(one).SetOverride(pin)
        assert (await told.read()).result
        told.cancel()


@pytest.mark.parametrize(
    ("metadata", "code", "said"),
    [
        ({}, grpc.StatusCode.INVALID_ARGUMENT, "must name the pool"),
        ({"pool": "q"}, grpc.StatusCode.NOT_FOUND, "no pool 'q'; there are: p"),
    ],
)
async def test_what_can_not_be_answered_is_refused(
    tmp_path: Path, metadata: dict[str, str], code: grpc.StatusCode, said: str
) -> None:
    async with Scaler(tmp_path, scaled_by="keda").running() as scaler, channel(scaler.address) as one:
        with pytest.raises(grpc.aio.AioRpcError, match=said) as refused:
            await ExternalScalerStub(one).IsActive(pb.ScaledObjectRef(name="digits", scalerMetadata=metadata))
        assert refused.value.code() is code


async def test_an_old_plan_is_not_answered_with(tmp_path: Path) -> None:
    async with Scaler(tmp_path, scaled_by="keda").running() as scaler, channel(scaler.address) as one:
        await until(lambda: scaler.controller.pools["p"].plan is not None)
        scaler.stop.set()  # the loop; the service still answers
        await asyncio.sleep(1.0)
        with pytest.raises(grpc.aio.AioRpcError, match=r"has no plan of the last 0\.5 s") as refused:
            await ExternalScalerStub(one).GetMetrics(pb.GetMetricsRequest(scaledObjectRef=DIGITS))
        assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
