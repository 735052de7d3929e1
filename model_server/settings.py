"""Settings of the model server: table `[model_server]`, environment `TIDEGATE_MODEL_SERVER_…`, flags."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field, model_validator

from model_server.devices import DeviceName
from tidegate.shared.settings import Address, Settings


class ModelServerSettings(Settings):
    """Settings of one replica."""

    section: ClassVar[str] = "model_server"

    listen: Address = "127.0.0.1:8011"
    """host:port of the inference service; port 0 takes a free one."""
    models: Path
    """The model repository: a folder per model, in it a folder per version."""
    device: DeviceName = "auto"
    """auto (a GPU where one is usable, else the CPU), cpu, cuda or cuda:N."""
    threads: int | None = Field(default=None, ge=1)
    """CPU threads of a model, shared among its instances; as many as CPUs this process may use unless given."""
    routers: tuple[Address, ...] = ()
    """Admin addresses of the routers to register with."""
    advertise: Address | None = None
    """host:port under which routers reach this replica; the bound listen address unless given."""
    pool: str = ""
    """The pool that this replica belongs to; empty for none."""
    replica_id: str | None = None
    """Name of this replica, unique among replicas; made up unless given."""
    lame_duck_s: float = Field(default=2.0, ge=0.0)
    """After SIGTERM, how long new requests are still served while routers and load balancers take notice. Two of a
    router's health intervals unless given."""
    drain_s: float = Field(default=30.0, ge=0.0)
    """After the lame-duck time, how long requests in flight may take to end before they are cut off."""
    rehearse_batch_s: float = Field(default=0.0, ge=0.0)
    """Rehearse one accelerator: batches of all models run one at a time, and each takes at least this long. For
    demonstrations and tests on machines without one; 0 turns it off."""
    rehearse_startup_s: float = Field(default=0.0, ge=0.0)
    """Rehearse a long start: not ready before the process is this old. For demonstrations and tests; 0 turns it off."""

    @model_validator(mode="after")
    def _reachable(self) -> "ModelServerSettings":
        host = self.listen.rpartition(":")[0]
        if self.routers and self.advertise is None and host in ("0.0.0.0", "[::]", "*"):  # noqa: S104 - compared, not bound
            raise ValueError(f"listen = {self.listen!r} names no host that routers could reach; set advertise")
        return self
