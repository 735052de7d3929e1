"""What the tests of attacks share: the data plane in a child process, an honest backend, honest traffic beside."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import psutil
from raw_http2 import INFER, REQUEST

CHILD = Path(__file__).with_name("plane_child.py")
MIB = 1 << 20
UNLIMITED = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_metadata_size", 1 << 20),
    ("grpc.absolute_max_metadata_size", 1 << 20),
]


class Child:
    """The process of one data plane."""

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self.process, self.address = process, address

    def counts(self) -> dict[str, Any]:
        return self._ask("")

    def drain(self) -> None:
        self._ask("drain")

    def _ask(self, what: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def rss_bytes(self) -> int:
        return psutil.Process(self.process.pid).memory_info().rss

    def until(self, condition: Callable[[dict[str, Any]], bool], timeout_s: float = 10.0) -> dict[str, Any]:
        deadline = time.monotonic() + timeout_s
        while not condition(now := self.counts()):
            assert time.monotonic() < deadline, now
            time.sleep(0.02)
        return now


@contextlib.contextmanager
def data_plane(*backends: tuple[str, list[str]] | str, **wanted: Any) -> Iterator[Child]:
    """A data plane before these backends; it must come to its end without a crash."""
    named = [(one, ["m"]) if isinstance(one, str) else one for one in backends]
    parts = ["limits", "upstream_limits", "times", "hold", "retry", "policy", "options"]
    usual = {"threads": 1, "models": [], "open_files": 0, **{part: {} for part in parts}}
    process = subprocess.Popen(
        [sys.executable, str(CHILD)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({**usual, **wanted, "backends": named}) + "\n")
        process.stdin.flush()
        try:
            yield Child(process, json.loads(process.stdout.readline()))
        finally:
            process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
    assert process.returncode == 0, f"the data plane ended with {process.returncode}"


class _Echo(grpc.GenericRpcHandler):
    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        if details.method.endswith("StreamInfer"):
            return grpc.stream_stream_rpc_method_handler(lambda requests, _: map(self.answer, requests))
        return grpc.unary_unary_rpc_method_handler(self.unary)

    def unary(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        given = dict(context.invocation_metadata())
        context.set_trailing_metadata([("seen-bin", given[key]) for key in given if key == "sent-bin"])
        if b"words" in request:
            context.abort(grpc.StatusCode.NOT_FOUND, "nö: 100 %\n")
        return self.answer(request)

    @staticmethod
    def answer(request: bytes) -> bytes:
        return bytes(8 * MIB) if b"large" in request else request


@contextlib.contextmanager
def honest_backend() -> Iterator[str]:
    """Echoes; a request with "large" in it is answered by 8 MiB, one with "words" by an error."""
    server = grpc.server(futures.ThreadPoolExecutor(8), options=UNLIMITED)
    server.add_generic_rpc_handlers((_Echo(),))
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield address
    server.stop(None).wait()


@contextlib.contextmanager
def honest_traffic(address: str, calls: int = 30) -> Iterator[None]:
    """Call after call in a thread while the block runs, at least `calls` of them; none may fail."""
    stop, done, problems = threading.Event(), 0, []

    def run() -> None:
        nonlocal done
        with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
            infer = channel.unary_unary(INFER)
            try:
                while not stop.is_set() or done < calls:
                    assert infer(REQUEST, timeout=20) == REQUEST
                    done += 1
            except Exception as problem:
                problems.append(problem)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert not problems, f"honest traffic failed after {done} calls: {problems[0]}"
