"""Settings of the forecaster: table [forecaster] of the config file, TIDEGATE_FORECASTER_… in the environment."""

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from tidegate.shared.settings import Address, Settings


class ForecasterSettings(Settings):
    """How one forecaster runs."""

    section: ClassVar[str] = "forecaster"

    listen: Address = "127.0.0.1:8003"
    """Address of the gRPC service; port 0 takes a free one."""

    routers: tuple[Address, ...] = ()
    """Admin addresses of the routers whose demand is followed. Their counts are added up."""

    history: Path = Path("tidegate-history.sqlite")
    """SQLite file that demand is kept in; made when it is not there."""

    step_s: Annotated[float, Field(gt=0)] | None = None
    """Step that is modelled. Unset: the finest of 1 s … 1 h that needs no more than 20 160 points for the history."""

    horizon_s: Annotated[float, Field(gt=0)] | None = None
    """Horizon that errors are measured for from the first fit on. Unset: 60 steps. A request that reaches further is
    answered, and measured from the next fit on."""

    keep_s: Annotated[float, Field(gt=0)] = 90 * 86_400.0
    """Older demand is deleted."""

    backfill_s: Annotated[float, Field(ge=0)] = 3600.0
    """How far back a router is asked for the demand it still keeps, when its stream is first opened."""

    stale_s: Annotated[float, Field(gt=0)] = 3600.0
    """With no demand observed for longer, there is no forecast: the scaler then holds what it has."""

    slow_cpu_share: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Share of one CPU that the slow members (ETS, MSTL) may use; 0 leaves them out."""
