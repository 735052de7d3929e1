"""A real Kubernetes control plane on loopback: etcd, API server, controller manager, scheduler; no kubelet.

The binaries come from the folder that KUBEBUILDER_ASSETS names (the variable of controller-runtime's envtest), else
from the cache that `make test-kubernetes` fills (tests/kubernetes/build-control-plane).
"""

import contextlib
import json
import os
import re
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme

from tests.support.processes import free_address

BINARIES = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
ADMIN_TOKEN = "admin"
NODE = "node-1"
# What only makes sense with kubelets, or would compete with what a test plays itself.
UNUSED_CONTROLLERS = (
    "nodelifecycle",
    "nodeipam",
    "horizontalpodautoscaling",
    "attachdetach",
    "persistentvolume-binder",
)


def assets() -> Path:
    """Where the binaries are expected."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("KUBEBUILDER_ASSETS") or Path(cache) / "tidegate" / "kubernetes-1.20.2")


def missing() -> str:
    """Why no control plane can be started; empty when one can."""
    absent = [name for name in BINARIES if not os.access(assets() / name, os.X_OK)]
    if not absent:
        return ""
    return f"no {', '.join(absent)} in {assets()}: `make test-kubernetes` builds them, or set KUBEBUILDER_ASSETS"


@dataclass
class ControlPlane:
    """A running control plane. `url` is the API server's; certificates and logs are in `folder`."""

    folder: Path
    _started: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _commands: dict[str, list[str]] = field(default_factory=dict)
    url: str = ""

    def kubeconfig(self, token: str = ADMIN_TOKEN, name: str = "admin") -> Path:
        """A kubeconfig file for the bearer of `token`."""
        path = self.folder / f"{name}.kubeconfig"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "clusters": [
                {"name": "test", "cluster": {"server": self.url, "certificate-authority": str(self.folder / "ca.pem")}}
            ],
            "users": [{"name": "test", "user": {"token": token}}],
        }
        path.write_text(json.dumps(config))
        return path

    @property
    def minor(self) -> int:
        """The API server's minor version: 20 of 1.20."""
        said = subprocess.run([assets() / "kube-apiserver", "--version"], capture_output=True, text=True, check=True)
        found = re.search(r"v1\.(\d+)", said.stdout)
        assert found, said.stdout
        return int(found[1])

    def start(self) -> None:
        """Start all four and return when the API server is ready."""
        self._certificates()
        client, peer, api = (free_address() for _ in range(3))
        self.url = f"https://{api}"
        self._run("etcd", _etcd(self.folder, client, peer))
        self._run("kube-apiserver", [*_api_server(self.folder, client, api), *self._gates()])
        self._wait_ready()
        config = self.kubeconfig()
        manager = [
            f"--service-account-private-key-file={self.folder}/service-accounts.key",
            f"--root-ca-file={self.folder}/ca.pem",
            "--use-service-account-credentials=true",
            f"--controllers={','.join(['*', *(f'-{name}' for name in UNUSED_CONTROLLERS)])}",
        ]
        for name, extra in (("kube-controller-manager", manager), ("kube-scheduler", [])):
            deaf = ["--secure-port=0", *(["--port=0"] if self.minor < 23 else [])]  # nobody asks them anything
            self._run(name, [f"--kubeconfig={config}", "--leader-elect=false", *deaf, *extra])

    def stop(self) -> None:
        """End all of them, by their ids."""
        for process in reversed(self._started.values()):
            process.kill()  # nothing is kept, so nothing needs an orderly end
            process.wait(10)

    @contextlib.contextmanager
    def api_server_down(self) -> Iterator[None]:
        """The API server is killed; at the end it is there again, with all that etcd keeps."""
        process = self._started["kube-apiserver"]
        process.kill()
        process.wait(10)
        try:
            yield
        finally:
            self._run("kube-apiserver", self._commands["kube-apiserver"])
            self._wait_ready()
            for (
                name,
                started,
            ) in self._started.items():  # a manager that had only begun gives up
                if started.poll() is not None:
                    self._run(name, self._commands[name])

    def request(self, path: str) -> Any:
        """GET as the administrator."""
        request = urllib.request.Request(self.url + path, headers={"Authorization": f"Bearer {ADMIN_TOKEN}"})
        trust = ssl.create_default_context(cafile=self.folder / "ca.pem")
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
        )
        with opener.open(request, timeout=5) as answer:
            return answer.read()

    def _gates(self) -> list[str]:
        """Endpoints say `serving` and `terminating` by themselves from 1.22 on."""
        return ["--feature-gates=EndpointSliceTerminatingCondition=true"] if self.minor < 22 else []

    def _certificates(self) -> None:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.folder / "ca.pem")
        server = authority.issue_cert("127.0.0.1", "kubernetes.default.svc")
        server.private_key_and_cert_chain_pem.write_to_path(self.folder / "server.pem")
        # Any private key will do to sign service account tokens.
        authority.issue_cert("service-accounts.test").private_key_pem.write_to_path(
            self.folder / "service-accounts.key"
        )
        (self.folder / "tokens.csv").write_text(f'{ADMIN_TOKEN},admin,admin,"system:masters"\n')

    def _run(self, name: str, arguments: Sequence[str]) -> None:
        self._commands[name] = list(arguments)
        with (self.folder / f"{name}.log").open("ab") as log:
            command = [str(assets() / name), *arguments]
            self._started[name] = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)

    def _wait_ready(self, timeout_s: float = 60.0) -> None:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            for name in ("etcd", "kube-apiserver"):
                process = self._started[name]
                if process.poll() is not None:
                    log = (self.folder / f"{name}.log").read_text()[-3000:]
                    raise AssertionError(f"{name} ended with {process.returncode}:\n{log}")
            with contextlib.suppress(OSError):
                if self.request("/readyz") == b"ok":
                    return
            time.sleep(0.1)
        raise AssertionError(f"the API server is not ready after {timeout_s} s; its log is in {self.folder}")


def _port(address: str) -> str:
    return address.rpartition(":")[2]


def _etcd(folder: Path, client: str, peer: str) -> list[str]:
    return [
        f"--data-dir={folder}/etcd",
        "--unsafe-no-fsync",
        f"--listen-client-urls=http://{client}",
        f"--advertise-client-urls=http://{client}",
        f"--listen-peer-urls=http://{peer}",
        f"--initial-advertise-peer-urls=http://{peer}",
        f"--initial-cluster=default=http://{peer}",
    ]


def _api_server(folder: Path, etcd: str, listen: str) -> list[str]:
    return [
        f"--etcd-servers=http://{etcd}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={_port(listen)}",
        f"--tls-cert-file={folder}/server.pem",
        f"--tls-private-key-file={folder}/server.pem",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={folder}/service-accounts.key",
        f"--service-account-signing-key-file={folder}/service-accounts.key",
        f"--token-auth-file={folder}/tokens.csv",
        "--authorization-mode=RBAC",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--endpoint-reconciler-type=none",
        "--allow-privileged=true",
        # Nobody clears the taint that a node has until its kubelet reports.
        "--disable-admission-plugins=TaintNodesByCondition",
    ]
