"""Settings of the forecaster: table [forecaster] of the config file, TIDEGATE_FORECASTER_… in the environment."""

from itertools import pairwise
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, model_validator

from forecaster import calendars
from forecaster.observations import COARSEST_STEP_S
from forecaster.series import FINEST_STEP_S
from tidegate.shared.errors import InvalidRequest
from tidegate.shared.settings import Address, Settings, Table

DAY_S = 86_400.0


def _rising(ages_s: tuple[float, ...]) -> tuple[float, ...]:
    if any(later < earlier for earlier, later in pairwise(ages_s)) or ages_s[0] <= 0:
        raise ValueError("the four ages must be over 0 and none smaller than the one before it")
    return ages_s


def _known_zone(name: str) -> str:
    return _buildable(name, "")


def _known_country(code: str) -> str:
    _buildable("UTC", code)
    return code


def _buildable(zone: str, country: str) -> str:
    try:
        calendars.build(zone, country, (), 0.0, DAY_S)
    except InvalidRequest as error:
        raise ValueError(str(error)) from None
    return zone


Ages = Annotated[tuple[float, float, float, float], AfterValidator(_rising)]


class PrometheusSettings(Table):
    """A Prometheus server that demand is followed from, in place of the routers."""

    url: str = Field(pattern=r"^https?://")
    """Where it answers, such as http://prometheus:9090."""

    query: str = Field(min_length=1)
    """Expression in requests/s with one series per model, by whatever names scrapes, rules or federation give:
    sum by (model) (rate(tidegate_router_requests_arrived_total[1m]))."""

    model_label: str = "model"
    """The label that holds the models' names; empty where `model` says whose demand it is."""

    model: str = ""
    """The one model whose demand it is, for an expression that gives one series."""

    step_s: Annotated[float, Field(ge=1, multiple_of=1)] = 15.0
    """Time from one value to the next, whole seconds: the interval of scraping, or of the recording rule."""

    delay_s: Annotated[float, Field(ge=0)] = 15.0
    """A step is asked for so long after it is over: scrapes, rules and federation take their time."""

    backfill_s: Annotated[float, Field(ge=0)] = 14 * DAY_S
    """How far back is asked for at the first start. Later ones go on where the last one ended."""

    @model_validator(mode="after")
    def _check(self) -> "PrometheusSettings":
        if bool(self.model) == bool(self.model_label):
            raise ValueError(
                "name either the model whose demand it is, or the model_label that holds the models' names"
            )
        return self


class ForecasterSettings(Settings):
    """How one forecaster runs."""

    section: ClassVar[str] = "forecaster"

    listen: Address = "127.0.0.1:8003"
    """Address of the gRPC service; port 0 takes a free one."""

    routers: tuple[Address, ...] = ()
    """Admin addresses of the routers whose demand is followed. Their counts are added up."""

    prometheus: PrometheusSettings | None = None
    """A Prometheus server that is followed instead; unset: the routers are."""

    history: Path = Path("tidegate-history.sqlite")
    """SQLite file that demand, events and fits are kept in; made when it is not there, on a disk of the machine's own.
    Several forecasters of one machine may share it: one leads and writes, the others answer from it and take over."""

    step_s: Annotated[float, Field(ge=FINEST_STEP_S, le=COARSEST_STEP_S)] | None = None
    """Step that is modelled. Unset: the finest of 1 s … 1 h that needs no more than 20 160 points for two weeks of the
    history."""

    horizon_s: Annotated[float, Field(gt=0)] | None = None
    """Horizon that errors are measured for from the first fit on. Unset: 60 steps. A request that reaches further is
    answered, and measured from the next fit on."""

    time_zone: Annotated[str, AfterValidator(_known_zone)] = "UTC"
    """Zone in which days and weeks repeat, such as Europe/Berlin: what comes at 09:00 does so in summer and winter."""

    holidays_country: Annotated[str, AfterValidator(_known_country)] = ""
    """Country whose public holidays are taken as days of rest, such as US or DE-BY; none unless given."""

    borrow_from: dict[str, str] = Field(default_factory=dict)
    """Model whose shape a new model borrows until it has seasons of its own, by the new model's name. A new model that
    is not named here borrows from the one most like it so far."""

    keep_s: Ages = (1.5 * DAY_S, 8 * DAY_S, 35 * DAY_S, 400 * DAY_S)
    """How long demand is kept at steps under 10 s, under a minute, under five minutes, and from there on; older demand
    stays as the mean over the next coarser step."""

    backfill_s: Annotated[float, Field(ge=0)] = 3600.0
    """How far back a router is asked for the demand it still keeps, when its stream is first opened."""

    stale_s: Annotated[float, Field(gt=0)] = 3600.0
    """With no demand observed for longer, there is no forecast: the scaler then holds what it has."""

    update_s: Annotated[float, Field(gt=0)] = 10.0
    """How often every fitted series takes in what was observed, whether anyone asks or not."""

    refit_s: Annotated[float, Field(gt=0)] | None = None
    """How long a fit serves before the next. Unset: a 24th of the series' first season, an hour of a day."""

    fit_processes: Annotated[int, Field(ge=1, le=64)] = 2
    """Processes that fit, started as they are needed; each uses one core at most, at low priority."""

    slow_cpu_share: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Share of one CPU that fits with the slow members may use; 0 leaves them out."""

    @model_validator(mode="after")
    def _check_sources(self) -> "ForecasterSettings":
        if self.routers and self.prometheus is not None:
            raise ValueError("routers and prometheus are both given: the same demand would be counted twice; drop one")
        return self
