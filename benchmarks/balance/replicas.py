"""The model servers of one run: real processes with a real ONNX model each, whose answers tell the replicas apart."""

import os
import random
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import numpy as np
import onnx
from onnx import TensorProto, helper

from benchmarks.balance.faulty import REFUSED
from benchmarks.balance.scenario import ROLES, STARTUP_S, service_s
from benchmarks.balance.summary import NOBODY
from protos import inference_pb2 as pb
from tests.support.models import write_model
from tests.support.processes import wait_until_serving
from tidegate.client.infer import request_of
from tidegate.shared.child_processes import TIDEGATE, leashed

MODEL = "tell"
STOP_S = 10.0
COLUMNS = 64  # floats per row: a 256-byte message
_ROW = np.arange(COLUMNS, dtype=np.float32)[np.newaxis]
REQUEST = request_of(MODEL, {"x": _ROW}).SerializeToString()
_ANSWERS = {(_ROW + number).tobytes(): number for number in range(len(ROLES))}


def _model(number: int) -> bytes:
    """y = x + number."""
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "number"], ["y"])],
        "tell",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", COLUMNS])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", COLUMNS])],
        [helper.make_tensor("number", TensorProto.FLOAT, [1], [float(number)])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def who_answered(response: bytes) -> int:
    """The number (in ROLES) of the replica that answered REQUEST; NOBODY when the answer is wrong."""
    contents = pb.ModelInferResponse.FromString(response).raw_output_contents
    return _ANSWERS.get(contents[0], NOBODY) if len(contents) == 1 else NOBODY


def quiet_address() -> str:
    """A free loopback host:port below those that the system hands out: nobody takes it before it is bound."""
    while True:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return f"127.0.0.1:{port}"


def spawn(command: Sequence[str], log: Path, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start a program that ends with this one, its output in `log`."""
    with log.open("ab") as output:
        return subprocess.Popen(leashed(command), stdout=output, stderr=output, env={**os.environ, **(env or {})})


class Replicas:
    """The replicas of one run, by role; killed at the end of the `with`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._fault = folder / "device-lost"
        self.addresses = {role: quiet_address() for role in ROLES}

    def __enter__(self) -> "Replicas":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()

    def start(self, role: str) -> None:
        """Start the replica's process."""
        write_model(self._folder / role, MODEL, _model(ROLES.index(role)), config="max_batch_rows = 1\n")
        arguments = ["model-server", "--listen", self.addresses[role], "--models", str(self._folder / role)]
        program = [TIDEGATE[0], "-m", "benchmarks.balance.faulty", str(self._fault)] if role == "flaky" else TIDEGATE
        env = {"TIDEGATE_MODEL_SERVER_REHEARSE_BATCH_S": str(service_s(role)), "TIDEGATE_MODEL_SERVER_THREADS": "1"}
        if role == "joining":
            env["TIDEGATE_MODEL_SERVER_REHEARSE_STARTUP_S"] = str(STARTUP_S)
        self._processes[role] = spawn([*program, *arguments, "--device", "cpu"], self._log(role), env)

    def wait_until_ready(self, role: str) -> None:
        wait_until_serving(self.addresses[role], self._processes[role], self._log(role))

    def break_device(self) -> None:
        """From now on the flaky replica refuses every inference at once."""
        self._fault.touch()

    def mend_device(self) -> None:
        self._fault.unlink()

    def stop(self, role: str) -> None:
        """SIGTERM, as from Kubernetes or a scaler."""
        self._processes[role].send_signal(signal.SIGTERM)

    @property
    def refused(self) -> int:
        """How often the flaky replica refused."""
        file = self._fault.with_suffix(REFUSED)
        return file.stat().st_size if file.exists() else 0

    def check_events(self) -> None:
        """Raises RuntimeError unless the joining replica lives and the leaving one has ended well."""
        left, joined = self._processes["leaving"].wait(STOP_S), self._processes["joining"].poll()
        for role, code, wanted in (("leaving", left, 0), ("joining", joined, None)):
            if code != wanted:
                raise RuntimeError(f"the {role} replica ended with {code}:\n{self._log(role).read_text()}")

    def _log(self, role: str) -> Path:
        return self._folder / f"{role}.log"
