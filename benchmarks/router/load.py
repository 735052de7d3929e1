"""h2load: the same requests to whatever stands at an address."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.router.programs import LOAD_CORE

PATH = "/inference.GRPCInferenceService/ModelInfer"
CONNECTIONS, STREAMS = 4, 16
# Each request has a deadline: who enforces deadlines does that work, and all must carry the header.
HEADERS = ("content-type: application/grpc", "te: trailers", "grpc-timeout: 20S")


@dataclass(frozen=True, slots=True)
class Load:
    """One kind of request. `reply_bytes` None: the message is echoed."""

    message_bytes: int
    reply_bytes: int | None = None

    def echo_options(self) -> list[str]:
        """How the backends are told to answer."""
        return [] if self.reply_bytes is None else ["--reply", str(self.reply_bytes)]


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


@dataclass(frozen=True, slots=True)
class Run:
    """What h2load did."""

    requests: int
    rps: float


def h2load(address: str, folder: Path, load: Load, *options: str) -> Run:
    """One run; `options` say how much (`-n` requests or `-D` seconds), and where it isn't CONNECTIONS x STREAMS.

    Raises RuntimeError when a request was not served: a refusal is a gRPC status on an HTTP 200, so only the bytes of
    the answers tell.
    """
    body = folder / f"body-{load.message_bytes}"
    if not body.exists():
        body.write_bytes(message(load.message_bytes))
    command = ["taskset", "-c", LOAD_CORE, "h2load", "-c", str(CONNECTIONS), "-m", str(STREAMS), "-d", str(body)]
    command += [part for header in HEADERS for part in ("-H", header)]
    command += [*options, f"http://{address}{PATH}"]
    output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=200).stdout
    counts = re.search(r"(\d+) done, (\d+) succeeded, 0 failed, 0 errored, 0 timeout", output)
    data = re.search(r"\((\d+)\) data", output)
    answer_bytes = 5 + (load.message_bytes if load.reply_bytes is None else load.reply_bytes)
    if counts is None or counts[1] != counts[2] or data is None or int(data[1]) < int(counts[1]) * answer_bytes:
        raise RuntimeError(f"{address}: not every request was served\n{output}")
    return Run(int(counts[1]), float(re.search(r"([\d.]+) req/s", output)[1]))  # type: ignore[index]


def open_loop(address: str, folder: Path, load: Load, rate_rps: float, duration_s: float) -> list[int]:
    """Latencies in microseconds, sorted, of requests that are sent at a rate, however long the answers take."""
    log = folder / "latencies"
    log.unlink(missing_ok=True)
    per_client = max(round(rate_rps / CONNECTIONS), 1)
    options = ["-n", str(round(per_client * CONNECTIONS * duration_s)), "-m", "1000"]
    h2load(address, folder, load, *options, "--rps", str(per_client), "--log-file", str(log))
    return sorted(int(line.split()[2]) for line in log.read_text().splitlines())
