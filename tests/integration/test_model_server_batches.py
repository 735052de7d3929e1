"""Requests that share batches: each gets its own rows, its own failure, its own end, and a load report."""

import asyncio
from pathlib import Path

import grpc
import numpy as np
import pytest

from protos import inference_pb2 as pb
from protos.orca_pb2 import OrcaLoadReport
from tests.support import models as tiny
from tests.support.inference import Code, addition, floats, refused, request, serving
from tests.support.waiting import until
from tidegate.shared.load_reports import APPLICATION_KEY


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    tiny.write_model(tmp_path, "add", tiny.add())
    return tmp_path


async def test_requests_share_batches_and_each_gets_its_own_rows(tmp_path: Path) -> None:
    config = "max_batch_rows = 8\nmax_queue_delay_s = 0.05"
    tiny.write_model(tmp_path, "add", tiny.add(), config=config)
    async with serving(tmp_path) as served:

        async def one(number: int) -> None:
            rows = 1 + number % 3
            a = np.arange(rows * 3, dtype=np.float32).reshape(rows, 3) + 1000 * number
            got = await served.stub.ModelInfer(request("add", a=("FP32", a), b=("FP32", a * 0 + 0.5)))
            assert np.array_equal(np.frombuffer(got.raw_output_contents[0], np.float32).reshape(rows, 3), a + 0.5)

        await asyncio.gather(*(one(number) for number in range(60)))
        (stats,) = (await served.stub.ModelStatistics(pb.ModelStatisticsRequest(name="add"))).model_stats
    assert stats.inference_count == sum(1 + number % 3 for number in range(60))
    assert stats.inference_stats.success.count == 60
    assert stats.execution_count < 60
    assert all(batch.batch_size <= 8 for batch in stats.batch_stats)


async def test_a_request_that_the_model_chokes_on_fails_alone(tmp_path: Path) -> None:
    tiny.write_model(tmp_path, "lookup", tiny.lookup(4), config="max_queue_delay_s = 0.05")
    async with serving(tmp_path) as served:
        calls = [served.stub.ModelInfer(request("lookup", x=("INT64", np.array([[index]])))) for index in (1, 99, 3)]
        first, error, third = await asyncio.gather(*calls, return_exceptions=True)
    assert np.frombuffer(first.raw_output_contents[0], np.float32) == [10]
    assert np.frombuffer(third.raw_output_contents[0], np.float32) == [30]
    assert isinstance(error, grpc.aio.AioRpcError)
    assert error.code() is Code.INTERNAL


async def test_cancelled_and_expired_requests_never_run(tmp_path: Path) -> None:
    tiny.write_model(tmp_path, "add", tiny.add(), config="max_queue_delay_s = 0.3")
    message = addition()
    async with serving(tmp_path) as served:
        cancelled = served.stub.ModelInfer(message)
        batcher = served.models.find("add").batcher
        await until(lambda: batcher.queued_rows > 0)
        cancelled.cancel()
        error = await refused(served.stub.ModelInfer(message, timeout=0.05))
        assert error.code() is Code.DEADLINE_EXCEEDED
        await until(lambda: batcher.queued_rows == 0)
        (stats,) = (await served.stub.ModelStatistics(pb.ModelStatisticsRequest(name="add"))).model_stats
    assert stats.execution_count == 0


async def test_a_stream_answers_in_order_and_outlives_an_error(tmp_path: Path) -> None:
    tiny.write_model(tmp_path, "add", tiny.add(), config="max_queue_delay_s = 0.02")
    good = [request("add", a=floats([n, n, n]), b=floats([0, 0, 0])) for n in range(40)]
    bad = request("nobody", a=floats([1, 2, 3]))
    bad.id = "bad"
    async with serving(tmp_path) as served:
        call = served.stub.ModelStreamInfer(iter([*good[:20], bad, *good[20:]]))
        responses = [response async for response in call]
        trailer = OrcaLoadReport.FromString(dict(await call.trailing_metadata())[APPLICATION_KEY])
        (stats,) = (await served.stub.ModelStatistics(pb.ModelStatisticsRequest(name="add"))).model_stats
    failed = responses.pop(20)
    assert "'nobody'" in failed.error_message
    assert (failed.infer_response.id, failed.infer_response.model_name) == ("bad", "nobody")
    got = [np.frombuffer(each.infer_response.raw_output_contents[0], np.float32)[0] for each in responses]
    assert got == list(range(40))
    assert not any(each.error_message for each in responses)
    assert stats.execution_count < 40  # the stream's requests shared batches
    assert trailer.request_cost["rows"] == 1


async def test_answers_carry_a_load_report(repository: Path) -> None:
    async with serving(repository) as served:
        call = served.stub.ModelInfer(request("add", a=floats([1, 2, 3], [1, 2, 3]), b=floats([1, 2, 3], [4, 5, 6])))
        await call
        report = OrcaLoadReport.FromString(dict(await call.trailing_metadata())[APPLICATION_KEY])
        error = await refused(served.stub.ModelInfer(request("add", a=floats([1, 2, 3, 4]))))
        failed = OrcaLoadReport.FromString(dict(error.trailing_metadata() or ())[APPLICATION_KEY])
    assert report.request_cost["rows"] == 2
    assert report.named_metrics["capacity_rows_per_s"] > 0
    assert report.named_metrics["outstanding"] == 0
    assert 0 <= report.utilization["executor"] <= 1
    assert "rows" not in failed.request_cost
    assert failed.named_metrics["capacity_rows_per_s"] > 0
