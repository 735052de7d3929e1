"""Interleaved rounds of the same load on every proxy; medians, and ratios taken round by round."""

import re
import statistics
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.recording import record
from benchmarks.router.proxies import LOAD_CORE, Proxy, build, free_port, pinned, start_all, wait_until_listening
from tidegate.shared.machine import describe

PATH = "/inference.GRPCInferenceService/ModelInfer"
CONNECTIONS, STREAMS = 4, 16
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Load:
    """One kind of load. `reply_bytes` None: the request is echoed."""

    name: str
    message_bytes: int
    requests: int
    reply_bytes: int | None
    targets: tuple[tuple[str, float], ...]


LOADS = (
    Load("small", 256, 100_000, None, (("haproxy", 1.2), ("nginx", 2.5), ("envoy", 3.5))),
    Load("image", 600 * 1024, 3_000, 100, (("haproxy", 1.0),)),
)


def message(size: int) -> bytes:
    """A framed ModelInferRequest of `size` bytes for model "m": field 1, then raw contents (field 7)."""
    left = size - 3
    for length in range(left, 0, -1):
        prefix, rest = bytearray(b"\x3a"), length
        while rest > 0x7F:
            prefix.append(rest & 0x7F | 0x80)
            rest >>= 7
        prefix.append(rest)
        if len(prefix) + length == left:
            return b"\0" + size.to_bytes(4, "big") + b"\x0a\x01m" + bytes(prefix) + b"x" * length
    raise ValueError(f"no message has {size} bytes")


def run_load(proxy: Proxy, load: Load, body: Path) -> dict[str, float]:
    """Requests/s and CPU microseconds per request of one round. Raises RuntimeError when a request failed."""
    before = proxy.cpu_s()
    command = ["taskset", "-c", LOAD_CORE, "h2load", "-n", str(load.requests), "-c", str(CONNECTIONS)]
    command += ["-m", str(STREAMS), "-H", "content-type: application/grpc", "-H", "te: trailers", "-d", str(body)]
    command.append(f"http://{proxy.address}{PATH}")
    output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600).stdout
    succeeded = re.search(r"(\d+) succeeded", output)
    data = re.search(r"\((\d+)\) data", output)
    answers = load.requests * ((load.reply_bytes if load.reply_bytes is not None else load.message_bytes) + 5)
    # A refusal is a gRPC status on an HTTP 200: only the bytes of the answers tell that all were served.
    if succeeded is None or data is None or int(succeeded[1]) != load.requests or int(data[1]) != answers:
        raise RuntimeError(f"{proxy.name}: not every request succeeded\n{output}")
    rps = float(re.search(r"([\d.]+) req/s", output)[1])  # type: ignore[index]
    cpu_us = (proxy.cpu_s() - before) / load.requests * 1e6
    return {"rps": rps, "cpu_us": cpu_us, "mb_per_s": rps * load.message_bytes / 1e6}


def measure(native: Path, folder: Path, load: Load) -> list[dict[str, object]]:
    """One row per proxy."""
    body = folder / "body"
    body.write_bytes(message(load.message_bytes))
    reply = [] if load.reply_bytes is None else ["--reply", str(load.reply_bytes)]
    with ExitStack() as stack:
        backends = [f"127.0.0.1:{free_port()}" for _ in range(2)]
        for address in backends:
            echo = pinned(LOAD_CORE, [str(native / "echo"), "--listen", address, *reply])
            stack.callback(echo.wait)
            stack.callback(echo.terminate)
            wait_until_listening(address, echo)
        proxies = start_all(native, folder, backends)
        for proxy in proxies:
            stack.callback(proxy.stop)
        rounds: dict[str, list[dict[str, float]]] = {proxy.name: [] for proxy in proxies}
        for turn in range(ROUNDS + 1):
            for proxy in proxies:
                result = run_load(proxy, load, body)
                if turn > 0:  # the first one warms up
                    rounds[proxy.name].append(result)
    return [_row(name, results, rounds["tidegate"], load) for name, results in rounds.items()]


def _row(
    name: str, results: Sequence[dict[str, float]], ours: Sequence[dict[str, float]], load: Load
) -> dict[str, object]:
    row: dict[str, object] = {"load": load.name, "proxy": name, "rounds_rps": [round(one["rps"]) for one in results]}
    row |= {key: statistics.median(one[key] for one in results) for key in results[0]}
    row["ours_times_rps"] = statistics.median(a["rps"] / b["rps"] for a, b in zip(ours, results, strict=True))
    row["ours_times_less_cpu"] = statistics.median(
        b["cpu_us"] / a["cpu_us"] for a, b in zip(ours, results, strict=True)
    )
    row["target"] = dict(load.targets).get(name)
    return row


def main() -> None:
    """Run the benchmark, print its table and record it."""
    with tempfile.TemporaryDirectory() as folder:
        native = build(Path(folder) / "native")
        rows = [row for load in LOADS for row in measure(native, Path(folder), load)]
    title = f"Proxies, one worker each, {CONNECTIONS} connections x {STREAMS} streams, on {describe()}"
    table = Table("load", "proxy", "req/s", "MB/s", "CPU us/req", "ours: x req/s", "target", "x less CPU", title=title)
    for row in rows:
        cells = [f"{row['rps']:.0f}", f"{row['mb_per_s']:.0f}", f"{row['cpu_us']:.1f}", f"{row['ours_times_rps']:.2f}"]
        target = "" if row["target"] is None else f">= {row['target']}"
        table.add_row(str(row["load"]), str(row["proxy"]), *cells, target, f"{row['ours_times_less_cpu']:.2f}")
    Console().print(table)
    path = record("router", {"rows": rows, "rounds": ROUNDS, "connections": CONNECTIONS, "streams": STREAMS})
    Console().print(f"recorded in {path}")


if __name__ == "__main__":
    main()
