"""A pool's planned events reach a real forecaster, and leave it."""

import time
from pathlib import Path

from protos import forecast_pb2 as pb
from protos.forecast_pb2_grpc import ForecasterStub
from scaler.events import Event
from scaler.sources import Forecasts
from tests.support.processes import free_address, started, wait_until_serving
from tidegate.shared.grpc_server import channel

SOON_S = float(int(time.time()) + 3600)


async def test_what_a_pool_plans_is_added_replaced_and_removed_and_other_events_stay(tmp_path: Path) -> None:
    address, log = free_address(), tmp_path / "log"
    arguments = ["forecaster", "--listen", address, "--history", str(tmp_path / "history.sqlite")]
    with started(arguments, log) as process:
        wait_until_serving(address, process, log)
        forecasts = Forecasts(address, 5.0)
        async with channel(address) as one:
            stub = ForecasterStub(one)

            async def known() -> list[tuple[str, str, float, float]]:
                listed = (await stub.ListEvents(pb.ListEventsRequest())).events
                return sorted((each.model, each.name, each.factor, each.added_rps) for each in listed)

            await stub.AddEvent(pb.Event(model="m", name="sale", start_s=SOON_S, end_s=SOON_S + 60, factor=2))
            launch = Event("m", "p/launch", SOON_S, SOON_S + 60, 0.0, 500.0)
            assert await forecasts.plan_events("p", [launch]) == ""
            assert await known() == [("m", "p/launch", 0.0, 500.0), ("m", "sale", 2.0, 0.0)]
            more = Event("m", "p/launch", SOON_S, SOON_S + 60, 0.0, 700.0)
            holiday = Event("n", "p/holiday", SOON_S, SOON_S + 60, 0.5)
            assert await forecasts.plan_events("p", [more, holiday]) == ""
            assert await known() == [
                ("m", "p/launch", 0.0, 700.0),
                ("m", "sale", 2.0, 0.0),
                ("n", "p/holiday", 0.5, 0.0),
            ]
            assert await forecasts.plan_events("p", []) == ""
            assert await known() == [("m", "sale", 2.0, 0.0)]
        await forecasts.close()


async def test_a_silent_forecaster_is_said_to_be() -> None:
    forecasts = Forecasts(free_address(), 0.3)
    assert (await forecasts.plan_events("p", [])).startswith("UNAVAILABLE")
    await forecasts.close()
