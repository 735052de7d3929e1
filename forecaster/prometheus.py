"""Demand out of a Prometheus server, by range queries.

https://prometheus.io/docs/prometheus/latest/querying/api/#range-queries. A value at time t, as `rate(…[step])` gives
it, was measured over the step before t: it becomes the value of [t - step, t).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import numpy as np

from tidegate.shared.errors import InvalidRequest, ModelFailed, ServiceUnreachable
from tidegate.shared.values import DemandSeries, FloatArray

POINTS = 10_000
"""Points of one question; Prometheus refuses more than 11 000."""

TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class RangeQuery:
    """What is asked for: an expression in requests/s over [start, end), one series for each value of `label`.

    Without a label the expression must give one series, which `model` names.
    """

    expression: str
    start_s: float
    end_s: float
    step_s: float
    model: str = ""
    label: str = ""

    def __post_init__(self) -> None:
        """Raises InvalidRequest naming the field and the value."""
        if not 1.0 <= self.step_s < np.inf or self.step_s % 1.0:
            raise InvalidRequest(f"step_s is {self.step_s:g}: it must be whole seconds, 1 at least")
        if not 0.0 <= self.start_s < self.end_s < np.inf:
            raise InvalidRequest(f"the end, {self.end_s:.0f}, must come after the start, {self.start_s:.0f}")
        if bool(self.model) == bool(self.label):
            raise InvalidRequest("name either the model whose demand it is, or the label that holds the models' names")

    @property
    def slots(self) -> tuple[int, int]:
        """The first step asked for, and the first that is not over at the end, both counted from the epoch."""
        return int(self.start_s // self.step_s), int(self.end_s // self.step_s)


def read(url: str, query: RangeQuery, progress: Callable[[int, int], None]) -> Iterator[DemandSeries]:
    """The series, piece by piece in the order of time; steps without a value are NaN. `progress(done, of)` in steps.

    Raises ServiceUnreachable, InvalidRequest with what Prometheus says of the expression, ModelFailed otherwise.
    """
    first, last = query.slots
    with _client(url) as client:
        for begin in range(first, last, POINTS):
            end = min(begin + POINTS, last)
            times = query.step_s * np.arange(begin, end, dtype=np.float64)
            yield from _series(_answer(client, query, times), query, times)
            progress(end - first, last - first)


def _client(url: str) -> httpx.Client:
    try:
        return httpx.Client(base_url=url.rstrip("/"), timeout=TIMEOUT_S)
    except httpx.InvalidURL as error:
        raise InvalidRequest(f"the server's URL is {url!r}: {error}") from None


def _answer(client: httpx.Client, query: RangeQuery, times: FloatArray) -> list[dict[str, object]]:
    asked = {
        "query": query.expression,
        "start": f"{times[0] + query.step_s:.0f}",
        "end": f"{times[-1] + query.step_s:.0f}",
        "step": f"{query.step_s:.0f}",
    }
    try:
        answer = client.post("/api/v1/query_range", data=asked)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ServiceUnreachable(f"no Prometheus answers at {client.base_url}: {error}") from None
    try:
        body = answer.json()
        if body["status"] == "success":
            result: list[dict[str, object]] = body["data"]["result"]
            return result
        why = f"{body['errorType']}: {body['error']}"
    except (ValueError, KeyError, TypeError):
        why = f"HTTP {answer.status_code}, and no answer of Prometheus's API"
    refused = InvalidRequest if answer.status_code == httpx.codes.BAD_REQUEST else ModelFailed
    raise refused(f"Prometheus at {client.base_url}: {why}")


def _series(result: list[dict[str, object]], query: RangeQuery, times: FloatArray) -> Iterator[DemandSeries]:
    if query.model and len(result) > 1:
        raise InvalidRequest(
            f"the expression gives {len(result)} series: aggregate them with sum(…), or name the label to tell them by"
        )
    models: set[str] = set()
    for one in result:
        labels = one["metric"]
        assert isinstance(labels, dict)
        model = query.model or labels.get(query.label, "")
        if not model:
            raise InvalidRequest(
                f"a series has no label {query.label!r}; it has: {', '.join(sorted(labels)) or 'none'}"
            )
        if model in models:
            raise InvalidRequest(
                f"the expression gives several series with {query.label}={model!r}: aggregate them with "
                f"sum by ({query.label}) (…)"
            )
        models.add(model)
        rates = np.full(len(times), np.nan)
        samples = one.get("values")
        if not isinstance(samples, list) or not samples:
            raise InvalidRequest(f"the series of {model!r} has no numbers: is the expression one of rates?")
        at, values = np.array(samples, dtype=float).T
        places = np.round((at - query.step_s - times[0]) / query.step_s).astype(np.int64)
        rates[places] = np.where(np.isfinite(values), values, np.nan)
        yield DemandSeries(model, float(times[0]), query.step_s, rates)
