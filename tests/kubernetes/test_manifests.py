"""What `kubectl apply -k` sends, judged by a real API server."""

import os
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.aio.client.exceptions import ApiException

from router.settings import RouterSettings
from tests.kubernetes.cluster import CLUSTER_WIDE, Cluster, Object
from tests.kubernetes.control_plane import ControlPlane
from tests.kubernetes.manifests import BASE
from tidegate.shared.kubernetes.api import APPLY_PATCH

OVERLAYS = ("cpu", "gpu", "prometheus")
NOT_IN_1_20 = {"policy/v1", "monitoring.coreos.com/v1"}


def render(folder: Path) -> list[Object]:
    """What kustomize makes of a folder."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("no kubectl on PATH (kubernetes.io/docs/tasks/tools): its kustomize renders the overlays")
    done = subprocess.run([kubectl, "kustomize", str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def workloads(objects: list[Object]) -> list[Object]:
    return [one for one in objects if one["kind"] in ("Deployment", "StatefulSet")]


def without_grpc_probes(thing: Object) -> Object:
    """1.20 knows no gRPC probes: they came with 1.24."""
    for container in thing["spec"]["template"]["spec"]["containers"]:
        for probe in [name for name in container if name.endswith("Probe")]:
            if "grpc" in container[probe]:
                container[probe] = {"tcpSocket": {"port": container[probe]["grpc"]["port"]}}
    return thing


@pytest.mark.parametrize("overlay", OVERLAYS)
async def test_the_api_server_takes_all_that_it_knows(plane: ControlPlane, cluster: Cluster, overlay: str) -> None:
    await _namespace(cluster)
    for thing in render(BASE.parent / "overlays" / overlay):
        if thing["apiVersion"] in NOT_IN_1_20:
            continue
        if thing["kind"] in ("Deployment", "StatefulSet"):
            thing = without_grpc_probes(thing)
        path = await _path(cluster, thing)
        taken = await cluster.api.patch(path, thing, APPLY_PATCH, fieldManager="test", force="true", dryRun="All")
        assert _dropped(thing, taken) == []


def test_pods_are_restricted_and_spread_and_probed() -> None:
    for thing in workloads(render(BASE.parent / "overlays" / "gpu")):
        pod = thing["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["readinessProbe"]["grpc"]
        assert container["image"].endswith(":0.1.0")
        if thing["metadata"]["name"] != "tidegate-forecaster":  # it is one
            assert pod["topologySpreadConstraints"]
        may_talk = thing["metadata"]["name"] in ("tidegate-router", "tidegate-scaler")
        assert pod.get("automountServiceAccountToken", True) is may_talk


def test_a_gpu_for_each_replica_and_its_number_is_the_scalers() -> None:
    (pool,) = (
        one for one in workloads(render(BASE.parent / "overlays" / "gpu")) if one["metadata"]["name"] == "digits"
    )
    (container,) = pool["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert "replicas" not in pool["spec"]  # a number here would be set back at every apply


def test_every_workload_of_several_replicas_has_a_disruption_budget_that_selects_it() -> None:
    objects = render(BASE.parent / "overlays" / "cpu")
    budgets = [one["spec"]["selector"]["matchLabels"] for one in objects if one["kind"] == "PodDisruptionBudget"]
    for thing in workloads(objects):
        labels = thing["spec"]["template"]["metadata"]["labels"]
        covered = any(budget.items() <= labels.items() for budget in budgets)
        assert covered is (thing["spec"].get("replicas") != 1), thing["metadata"]["name"]


def test_the_configuration_names_every_router() -> None:
    objects = render(BASE)
    config = next(one for one in objects if one["kind"] == "ConfigMap")["data"]["tidegate.toml"]
    tables: dict[str, Any] = tomllib.loads(config)
    routers = next(one for one in workloads(objects) if one["metadata"]["name"] == "tidegate-router")
    names = [f"tidegate-router-{number}.tidegate-routers:8002" for number in range(routers["spec"]["replicas"])]
    for table in ("forecaster", "scaler"):
        assert tables[table]["routers"] == names


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_routers_find_the_pods_of_every_pool_by_its_service(overlay: str) -> None:
    objects = render(BASE.parent / "overlays" / overlay)
    config = next(one for one in objects if one["kind"] == "ConfigMap")["data"]["tidegate.toml"]
    discovery = RouterSettings(**tomllib.loads(config)["router"]).discovery
    assert discovery is not None
    services = {
        one["metadata"]["labels"][discovery.selector]: one["spec"]
        for one in objects
        if one["kind"] == "Service" and discovery.selector in one["metadata"]["labels"]
    }
    pools = {
        one["metadata"]["name"]: one["spec"]["target"]["name"] for one in objects if one["kind"] == "PredictiveScaler"
    }
    assert services.keys() == pools.keys()
    for pool, target in pools.items():
        (template,) = (one["spec"]["template"] for one in workloads(objects) if one["metadata"]["name"] == target)
        assert services[pool]["selector"].items() <= template["metadata"]["labels"].items()
        (port,) = (one for one in services[pool]["ports"] if one["name"] == discovery.port)
        ports = {one["name"]: one["containerPort"] for one in template["spec"]["containers"][0]["ports"]}
        assert ports[port["targetPort"]] == port["port"]


def from_here(target: Path, folder: Path) -> str:
    """kustomize takes no absolute path."""
    return os.path.relpath(target, folder)


async def test_kedas_way_in_is_one_component(plane: ControlPlane, cluster: Cluster, tmp_path: Path) -> None:
    await _namespace(cluster)
    overlay = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": "tidegate",
        "components": [from_here(BASE.parent / "components" / "keda", tmp_path)],
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
    (policy,) = render(tmp_path)
    path = await _path(cluster, policy)
    taken = await cluster.api.patch(path, policy, APPLY_PATCH, fieldManager="test", force="true", dryRun="All")
    assert _dropped(policy, taken) == []
    scaler = next(one for one in workloads(render(BASE)) if one["metadata"]["name"] == "tidegate-scaler")
    labels = scaler["spec"]["template"]["metadata"]["labels"]
    assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items()


def test_what_the_scalers_remember_outlives_their_pods() -> None:
    scaler = next(one for one in workloads(render(BASE)) if one["metadata"]["name"] == "tidegate-scaler")
    (claim,) = scaler["spec"]["volumeClaimTemplates"]
    (mount,) = (
        one
        for one in scaler["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
        if one["name"] == claim["metadata"]["name"]
    )
    config = next(one for one in render(BASE) if one["kind"] == "ConfigMap")["data"]["tidegate.toml"]
    assert Path(tomllib.loads(config)["scaler"]["store"]).parent == Path(mount["mountPath"])


def test_every_pod_is_scraped() -> None:
    objects = render(BASE.parent / "overlays" / "prometheus")
    (monitor,) = (one for one in objects if one["kind"] == "ServiceMonitor")
    wanted = monitor["spec"]["selector"]["matchLabels"]
    (service,) = (
        one
        for one in objects
        if one["kind"] == "Service" and wanted.items() <= one["metadata"].get("labels", {}).items()
    )
    (port,) = service["spec"]["ports"]
    assert monitor["spec"]["endpoints"][0]["port"] == port["name"]
    for thing in workloads(objects):
        template = thing["spec"]["template"]
        assert service["spec"]["selector"].items() <= template["metadata"]["labels"].items()
        ports = {one["name"]: one["containerPort"] for one in template["spec"]["containers"][0]["ports"]}
        assert ports[port["targetPort"]] == port["port"]


async def _namespace(cluster: Cluster) -> None:
    try:
        await cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "tidegate"}})
    except ApiException as error:
        if error.status != 409:
            raise


async def _path(cluster: Cluster, thing: Object) -> str:
    version = thing["apiVersion"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    resources = (await cluster.api.get(root))["resources"]
    plural = next(one["name"] for one in resources if one["kind"] == thing["kind"] and "/" not in one["name"])
    place = "" if thing["kind"] in CLUSTER_WIDE else f"/namespaces/{thing['metadata']['namespace']}"
    return f"{root}{place}/{plural}/{thing['metadata']['name']}"


def _dropped(sent: Any, taken: Any, where: str = "") -> list[str]:
    """Fields that were sent and that the server did not keep: it does not know them."""
    if isinstance(sent, dict):
        gone = [f"{where}.{key}" for key in sent if key not in taken]
        return gone + [one for key in sent if key in taken for one in _dropped(sent[key], taken[key], f"{where}.{key}")]
    if isinstance(sent, list) and len(sent) == len(taken):
        return [one for at, part in enumerate(sent) for one in _dropped(part, taken[at], f"{where}[{at}]")]
    return []
