"""Two scalers, as processes: one acts, and when it is gone the other does."""

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.kubernetes.accounts import as_scaler
from tests.kubernetes.cluster import Cluster, eventually
from tests.kubernetes.control_plane import ControlPlane
from tests.kubernetes.manifests import SCALER_API, deployment, predictive_scaler
from tests.support.processes import free_address, started

LONGEST_FAILOVER_S = 20.0

CONFIG = """
[scaler]
executor = "kubernetes"
listen = "{listen}"
routers = ["{silent}"]
forecaster = "{silent}"
store = "{store}"
tick_s = 1.0
read_timeout_s = 0.5
[scaler.kubernetes]
namespace = "{namespace}"
kubeconfig = "{kubeconfig}"
"""


@contextlib.contextmanager
def scaler(kubeconfig: Path, namespace: str, folder: Path, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """A scaler with its default lease."""
    config = folder / f"{name}.toml"
    text = CONFIG.format(
        listen=free_address(),
        silent=free_address(),
        store=folder / f"{name}.sqlite",
        namespace=namespace,
        kubeconfig=kubeconfig,
    )
    config.write_text(text)
    with started(["scaler", "--config", str(config)], folder / f"{name}.log") as process:
        yield process


async def test_the_other_scaler_acts_within_20_s_of_a_kill_and_an_orderly_stop_gives_the_lease_back(
    plane: ControlPlane, cluster: Cluster, tmp_path: Path
) -> None:
    kubeconfig = await as_scaler(plane, cluster)
    await cluster.create(deployment())
    await cluster.create(predictive_scaler())

    async def holder() -> str:
        leases = await cluster.list("coordination.k8s.io/v1", "Lease")
        return next((one["spec"]["holderIdentity"] for one in leases), "")

    async def asked() -> int:
        replicas: int = (await cluster.get("apps/v1", "Deployment", "digits"))["spec"]["replicas"]
        return replicas

    async def ready() -> bool:
        return "ready" in (tmp_path / "second.log").read_text()

    async def wish(replicas: int) -> None:
        await cluster.merge(SCALER_API, "PredictiveScaler", "digits", {"spec": {"minReplicas": replicas}})
        await eventually(asked, lambda count: count == replicas)

    with scaler(kubeconfig, cluster.namespace, tmp_path, "first") as first:
        await eventually(holder, lambda name: name.endswith(f"-{first.pid}"))
        with scaler(kubeconfig, cluster.namespace, tmp_path, "second") as second:
            await wish(2)
            await eventually(ready, bool)
            first.kill()
            killed_at_s = time.monotonic()
            await wish(3)
            took_s = time.monotonic() - killed_at_s
            print(f"failover: {took_s:.1f} s")  # noqa: T201 - shown by pytest -s
            assert took_s < LONGEST_FAILOVER_S
            assert (await holder()).endswith(f"-{second.pid}")
    assert await holder() == ""  # given back, not left to lapse
