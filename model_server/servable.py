"""One version of a model, loaded, warmed and ready to answer; and how it is made."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from model_server import runners
from model_server.batcher import Batcher, Execute, Rehearsal
from model_server.batching import BatchQueue, join, split
from model_server.capacity import Capacity
from model_server.cpus import threads_each
from model_server.devices import Device, resolve
from model_server.repository import ModelConfig, ModelFiles
from model_server.signature import Signature
from model_server.statistics import Statistics
from model_server.warmup import measured_s, warm_up_rows, zeros
from tidegate.shared.errors import ModelFailed, ModelLoadFailed, TidegateError
from tidegate.shared.tensors import Shape, Tensors

DEFAULT_MAX_BATCH_ROWS = 32
"""Most of a GPU's gain over single rows is there at 32, and a batch of 32 images fits the message limit."""


@dataclass(frozen=True, slots=True, eq=False)
class Servable:
    """A version of a model that answers requests.

    `unbatched_reason` says why each request runs alone ("" when rows of several run together; then every tensor's
    first dimension counts rows, and `max_batch_rows` limits them).
    """

    name: str
    version: int
    config: ModelConfig
    signature: Signature
    platform: str
    device: Device
    max_batch_rows: int
    unbatched_reason: str
    statistics: Statistics
    capacity: Capacity
    batcher: Batcher
    load_s: float
    warm_s: float
    _threads: tuple[ThreadPoolExecutor, ...] = field(repr=False)

    async def infer(self, inputs: Tensors, shapes: tuple[Shape, ...], rows: int, remaining_s: float | None) -> Tensors:
        """Outputs for one request. `shapes` are the inputs' shapes in the signature's order, `rows` their first size
        (1 for an unbatched model). Raises what Batcher.submit raises.
        """
        key = None if self.unbatched_reason else tuple(shape[1:] for shape in shapes)
        return await self.batcher.submit(inputs, rows, key, remaining_s)

    async def close(self, reason: str) -> None:
        """Answer what is in flight, refuse the rest with the reason, let the model go."""
        await self.batcher.close(reason)
        for thread in self._threads:
            thread.shutdown(wait=False)


class Loader:
    """Makes servables. `ready_not_before_s`, on time.monotonic's clock, rehearses a long start."""

    def __init__(
        self, device: str, gpus: int, threads: int, rehearsal: Rehearsal | None = None, ready_not_before_s: float = 0.0
    ) -> None:
        self._device = device
        self._gpus = gpus
        self._threads = threads
        self._rehearsal = rehearsal
        self._ready_not_before_s = ready_not_before_s
        self._one_at_a_time = asyncio.Lock()

    async def load(self, files: ModelFiles, version: int, statistics: Statistics) -> Servable:
        """Load and warm one version on every instance. Raises ModelLoadFailed, InvalidSetting (no such device).

        One at a time: a warm-up that shares the device with another measures the other's work as its own.
        """
        async with self._one_at_a_time:
            servable = await self._make(files, version, statistics)
        try:
            await asyncio.sleep(max(0.0, self._ready_not_before_s - time.monotonic()))
        except BaseException:
            await servable.close("its load was given up")
            raise
        return servable

    async def _make(self, files: ModelFiles, version: int, statistics: Statistics) -> Servable:
        config = files.config
        started_s = time.monotonic()
        with contextlib.ExitStack() as undo:
            instances = await self._instances(files, version, undo)
            runner = instances[0].runner
            unbatched = runner.signature.unbatched_reason() if config.batching else "batching = false in config.toml"
            max_batch_rows = 1 if unbatched else _max_batch_rows(files, runner.signature)
            capacity = Capacity(max_batch_rows, 1 if self._rehearsal else len(instances))
            executes = [instance.execute(batched=not unbatched) for instance in instances]
            loaded_s = time.monotonic()
            for execute in executes:
                await self._warm(execute, files, runner.signature, capacity, batched=not unbatched)
            warmed_s = time.monotonic()
            undo.pop_all()
        queue: BatchQueue[Any] = BatchQueue(max_batch_rows, config.max_queue_delay_s, config.max_queue_rows)
        return Servable(
            name=files.name,
            version=version,
            config=config,
            signature=runner.signature,
            platform=runner.platform,
            device=runner.device,
            max_batch_rows=max_batch_rows,
            unbatched_reason=unbatched,
            statistics=statistics,
            capacity=capacity,
            batcher=Batcher(queue, executes, statistics, capacity, time.monotonic, time.time, self._rehearsal),
            load_s=loaded_s - started_s,
            warm_s=warmed_s - loaded_s,
            _threads=tuple(instance.thread for instance in instances),
        )

    async def _instances(self, files: ModelFiles, version: int, undo: contextlib.ExitStack) -> "list[_Instance]":
        """Load the file once per instance, each on a thread of its own: runtimes keep per-thread settings."""
        config, file = files.config, files.versions[version]
        device = resolve(config.device or self._device, self._gpus)
        threads = threads_each(self._threads, config.instances)
        loop = asyncio.get_running_loop()
        instances = []
        for index in range(config.instances):
            thread = ThreadPoolExecutor(1, thread_name_prefix=f"{files.name}-{version}-{index}")
            undo.callback(thread.shutdown, wait=False)
            runner = await loop.run_in_executor(thread, runners.load, file, config, device, threads)
            instances.append(_Instance(runner, thread))
        return instances

    async def _warm(
        self, execute: Execute, files: ModelFiles, signature: Signature, capacity: Capacity, *, batched: bool
    ) -> None:
        warm_up = files.config.warm_up
        least_s = self._rehearsal.batch_s if self._rehearsal else 0.0
        for rows in warm_up_rows(warm_up, capacity.max_batch_rows):
            inputs = zeros(signature, warm_up, rows, batched=batched)
            took_s: list[float] = []
            while (batch_s := measured_s(took_s, warm_up.count)) is None:
                started_s = time.monotonic()
                try:
                    await execute([inputs], [rows])
                except TidegateError as error:
                    raise ModelLoadFailed(
                        f"model '{files.name}': warm-up with {rows} rows failed: {error} "
                        "(config.toml: [warm_up] shapes = {…} gives open dimensions, rows = [] turns it off)"
                    ) from error
                took_s.append(time.monotonic() - started_s)
            capacity.anchor(rows, max(least_s, batch_s))


@dataclass(frozen=True, slots=True)
class _Instance:
    runner: runners.Runner
    thread: ThreadPoolExecutor

    def execute(self, *, batched: bool) -> Execute:
        """The function that runs a batch on this instance's own thread."""
        run: Callable[[Sequence[Tensors], Sequence[int]], list[Tensors]] = self._run if batched else self._run_alone

        async def execute(inputs: Sequence[Tensors], rows: Sequence[int]) -> list[Tensors]:
            return await asyncio.get_running_loop().run_in_executor(self.thread, run, inputs, rows)

        return execute

    def _run(self, inputs: Sequence[Tensors], rows: Sequence[int]) -> list[Tensors]:
        outputs = self.runner.run(join(inputs))
        total = sum(rows)
        for name, array in outputs.items():
            if array.shape[:1] != (total,):
                raise ModelFailed(
                    f"output '{name}' has shape {list(array.shape)} for a batch of {total} rows: its first "
                    "dimension does not follow the inputs'; set batching = false in the model's config.toml"
                )
        return split(outputs, rows)

    def _run_alone(self, inputs: Sequence[Tensors], _rows: Sequence[int]) -> list[Tensors]:
        return [self.runner.run(inputs[0])]


def _max_batch_rows(files: ModelFiles, signature: Signature) -> int:
    given, limit = files.config.max_batch_rows, signature.max_rows
    if given is not None and limit is not None and given > limit:
        raise ModelLoadFailed(f"model '{files.name}': max_batch_rows = {given}, but it was exported for up to {limit}")
    return given or min(DEFAULT_MAX_BATCH_ROWS, limit or DEFAULT_MAX_BATCH_ROWS)
