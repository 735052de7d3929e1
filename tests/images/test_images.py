"""The images of the services: what the Containerfile and the manifests agree on, and what was built of it."""

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SERVICES = ("forecaster", "model-server", "router", "scaler")
IMPORTED = {
    "forecaster": "forecaster.server, statsmodels, holidays",
    "model-server": "model_server.server, onnxruntime, torch",
    "router": "router.server, router.discovery",
    "scaler": "scaler.server, scaler.kubernetes.start",
}
"""What shows that an image has all that its service needs."""
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def test_every_service_has_an_image_of_its_own_that_runs_it() -> None:
    text = (ROOT / "Containerfile").read_text()
    stages = dict(re.findall(r"^FROM service AS (\S+)\n(.*?)(?=^FROM|\Z)", text, re.M | re.S))
    assert sorted(stages) == list(SERVICES)
    for name, body in stages.items():
        assert f'ENTRYPOINT ["tidegate", "{name}"]' in body
        assert f"COPY --from=built-{name} " in body
        assert f"'.[{name}]'" in text, "it gets its own extra's dependencies"
        assert "USER 0" not in body or body.rindex("USER 65532:65532") > body.rindex("USER 0")


def test_the_manifests_ask_for_these_images_of_this_version() -> None:
    asked = {}
    for file in (ROOT / "k8s").rglob("kustomization.yaml"):
        for image in yaml.safe_load(file.read_text()).get("images", ()):
            asked[image["name"]] = image["newTag"]
    assert asked == {f"tidegate/{service}": VERSION for service in SERVICES}


@pytest.fixture(params=SERVICES)
def container(request: pytest.FixtureRequest) -> Iterator[str]:
    """A container of the built image."""
    image = f"localhost/tidegate/{request.param}:{VERSION}"
    if shutil.which("buildah") is None:
        pytest.skip("no buildah on PATH: apt-get install buildah")
    if subprocess.run(["buildah", "inspect", "--type", "image", image], capture_output=True, check=False).returncode:
        pytest.skip(f"no image {image}: `make images` builds it")
    made = subprocess.run(["buildah", "from", image], capture_output=True, text=True, check=True).stdout.strip()
    yield made
    subprocess.run(["buildah", "rm", made], capture_output=True, check=True)


def inside(container: str, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a cluster would: as the image's own user."""
    whole = ["buildah", "run", "--isolation", "chroot", container, "--", *command]
    return subprocess.run(whole, capture_output=True, text=True, check=False)


def test_it_runs_its_service_as_nobody_in_particular_and_carries_no_tools(container: str) -> None:
    assert inside(container, "id", "-u").stdout == "65532\n"
    service = next(one for one in SERVICES if container.startswith(one))
    shown = inside(container, "tidegate", service, "--help")
    assert f"Usage: tidegate {service}" in shown.stdout, shown.stderr
    imported = inside(container, "python3", "-c", f"import {IMPORTED[service]}")
    assert imported.returncode == 0, imported.stderr
    for tool in ("g++", "cmake", "pip", "/opt/tidegate/bin/pip"):
        assert inside(container, "which", tool).returncode != 0, f"{tool} is of the build, not of the image"
    assert inside(container, "touch", "/opt/tidegate/x").returncode != 0, "its code is not its own to change"
