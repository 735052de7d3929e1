"""Which models are served, and their way between LOADING, READY, UNLOADING and UNAVAILABLE."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from weakref import WeakValueDictionary

import structlog

from model_server.repository import ModelFiles, Repository
from model_server.servable import Loader, Servable
from model_server.statistics import Statistics
from tidegate.shared.errors import ModelNotFound, ModelNotReady, TidegateError

NO_VERSION = 0
"""Stands in the index for a model whose versions could not even be read."""

_log = structlog.get_logger(__name__)


class State(StrEnum):
    """A version's state, by the names of Triton's repository index."""

    LOADING = "LOADING"
    READY = "READY"
    UNLOADING = "UNLOADING"
    UNAVAILABLE = "UNAVAILABLE"


@dataclass(frozen=True, slots=True)
class Entry:
    """One version of a model. `servable` is there when READY; `failed`: it should be served and could not be loaded."""

    state: State
    reason: str = ""
    servable: Servable | None = None
    failed: bool = False


class Models:
    """The models of one server.

    A load replaces what is served only once everything new is loaded and warmed; what it replaces finishes its
    requests first. Loads and unloads of one model run one after the other, also when their caller goes away.
    """

    def __init__(self, repository: Repository, loader: Loader) -> None:
        self._repository = repository
        self._loader = loader
        self._models: dict[str, dict[int, Entry]] = {}
        self._servables: tuple[Servable, ...] = ()
        self._statistics: dict[tuple[str, int], Statistics] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[None]] = set()
        self._tried_all = False
        self._all_ready = asyncio.Event()
        self._retired = False

    async def load_all(self) -> None:
        """Load every model on disk. One that fails stays UNAVAILABLE with the reason, and the server not ready."""
        await asyncio.gather(*(self._try_to_load(name) for name in self._repository.names()))
        self._tried_all = True
        self._note_readiness()

    async def _try_to_load(self, name: str) -> None:
        try:
            await self.load(name)
        except TidegateError as error:
            _log.error("model failed to load", model=name, reason=str(error))
        except Exception:  # one model's surprise must not keep the others from serving
            _log.exception("model failed to load", model=name)

    async def load(self, name: str) -> None:
        """Load a model anew from disk, and serve it when all of its versions are warmed.

        Raises ModelNotFound when it is not on disk, ModelLoadFailed when it can't be loaded; then an older loaded
        version goes on serving.
        """
        await self._run(self._load(name))

    async def unload(self, name: str) -> None:
        """Stop serving a model: new requests are refused, those in flight end. Raises ModelNotFound."""
        if name not in self._models:
            raise ModelNotFound(f"model '{name}' is not loaded")
        await self._run(self._unload(name))

    def find(self, name: str, version: str = "") -> Servable:
        """The servable for a request; without a version, the highest that is ready.

        Raises ModelNotFound (no such model or version), ModelNotReady with its state and reason.
        """
        entries = self._models.get(name)
        if not entries:
            raise ModelNotFound(f"model '{name}' is not served here")
        if version:
            # Python refuses to make a number of thousands of digits
            number = int(version) if version.isascii() and version.isdigit() and len(version) < 20 else -1
            if number not in entries:
                raise ModelNotFound(f"model '{name}' has no version '{version}' here")
            entry = entries[number]
        else:
            entry = max(entries.items(), key=lambda item: (item[1].servable is not None, item[0]))[1]
        if entry.servable is None:
            raise ModelNotReady(f"model '{name}' is {entry.state}" + (f": {entry.reason}" if entry.reason else ""))
        return entry.servable

    def index(self) -> list[tuple[str, int, Entry]]:
        """Name, version and state of everything known, sorted."""
        return sorted(
            (
                (name, version, entry)
                for name, entries in list(self._models.items())
                for version, entry in entries.items()
            ),
            key=lambda item: item[:2],
        )

    async def index_with_disk(self) -> list[tuple[str, int, Entry]]:
        """The index, with models on disk that were never loaded."""
        new = set(await asyncio.to_thread(self._repository.names)) - set(self._models)
        unloaded = [(name, NO_VERSION, Entry(State.UNAVAILABLE, "not loaded")) for name in new]
        return sorted([*self.index(), *unloaded], key=lambda item: item[:2])

    def servables(self) -> tuple[Servable, ...]:
        """Everything that answers requests now, sorted by name and version."""
        return self._servables

    def versions(self, name: str) -> list[int]:
        """Versions of a model that answer requests now."""
        return [version for version, entry in sorted(self._models.get(name, {}).items()) if entry.servable]

    def statistics(self) -> dict[tuple[str, int], Statistics]:
        """Figures by name and version, of everything ever loaded: they outlive a reload."""
        return dict(self._statistics)

    @property
    def ready(self) -> bool:
        """Whether all models have been loaded and warmed once, and the server is not about to stop.

        Loads and unloads after that change single models only: a bad load of one model must not take a whole replica
        out of service.
        """
        return self._all_ready.is_set() and not self._retired

    async def wait_until_ready(self) -> None:
        """Return when all models have been loaded and warmed."""
        await self._all_ready.wait()

    def retire(self) -> None:
        """Be not ready from now on, and serve what still comes."""
        self._retired = True

    @property
    def at_work(self) -> bool:
        """Whether a batch runs or a model is being loaded or unloaded."""
        return bool(self._tasks) or any(servable.batcher.running for servable in self._servables)

    async def close(self) -> None:
        """Let go of everything. Call it when no requests come any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(servable.close("the server is stopping") for servable in self.servables()))

    def _set(self, name: str, entries: dict[int, Entry]) -> None:
        self._models[name] = entries
        self._servables = tuple(entry.servable for _, _, entry in self.index() if entry.servable)
        self._note_readiness()

    def _note_readiness(self) -> None:
        entries = [entry for _, _, entry in self.index()]
        if self._tried_all and not any(entry.failed or entry.state is State.LOADING for entry in entries):
            self._all_ready.set()

    async def _run(self, change: Coroutine[Any, Any, None]) -> None:
        """Carry a change through even when its caller is cancelled (a client's deadline, say)."""
        task = asyncio.create_task(change)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())  # seen, also without a caller
        await asyncio.shield(task)

    def _lock(self, name: str) -> asyncio.Lock:
        return self._locks.setdefault(name, asyncio.Lock())

    async def _load(self, name: str) -> None:
        async with self._lock(name):
            old = self._models.get(name, {})
            serving = {version: entry for version, entry in old.items() if entry.servable}
            try:
                files = await asyncio.to_thread(self._repository.read, name)
            except ModelNotFound:
                raise
            except TidegateError as error:
                self._set(name, serving or {NO_VERSION: Entry(State.UNAVAILABLE, str(error), failed=True)})
                raise
            loading = {version: Entry(State.LOADING) for version in files.versions}
            self._set(name, {**loading, **serving})
            try:
                new = await self._load_versions(files)
            except BaseException as error:
                failed = dict.fromkeys(files.versions, Entry(State.UNAVAILABLE, _reason(error), failed=True))
                self._set(name, {**failed, **serving})
                raise
            self._set(name, {version: Entry(State.READY, servable=servable) for version, servable in new.items()})
            replaced = [entry.servable for entry in serving.values() if entry.servable]
            await asyncio.gather(*(servable.close("it was replaced by a newer load") for servable in replaced))

    async def _load_versions(self, files: ModelFiles) -> dict[int, Servable]:
        new: dict[int, Servable] = {}
        try:
            for version in files.versions:
                statistics = self._statistics.setdefault((files.name, version), Statistics())
                new[version] = await self._loader.load(files, version, statistics)
                _log_loaded(new[version])
        except BaseException:
            for servable in new.values():
                await servable.close("another version failed to load")
            raise
        return new

    async def _unload(self, name: str) -> None:
        async with self._lock(name):
            serving = {version: entry.servable for version, entry in self._models[name].items() if entry.servable}
            if serving:
                self._set(name, dict.fromkeys(serving, Entry(State.UNLOADING)))
                await asyncio.gather(*(servable.close(f"model '{name}' is unloaded") for servable in serving.values()))
            self._set(name, dict.fromkeys(serving or self._models[name], Entry(State.UNAVAILABLE, "unloaded")))
            _log.info("model unloaded", model=name)


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _log_loaded(servable: Servable) -> None:
    rows_per_s = servable.capacity.rows_per_s()
    _log.info(
        "model loaded",
        model=servable.name,
        version=servable.version,
        device=str(servable.device),
        max_batch_rows=servable.max_batch_rows,
        unbatched=servable.unbatched_reason or None,
        load_s=round(servable.load_s, 3),
        warm_s=round(servable.warm_s, 3),
        capacity_rows_per_s=None if rows_per_s is None else round(rows_per_s, 1),
    )
