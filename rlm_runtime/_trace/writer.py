"""Writing a trace: events and values go into a queue, and a task writes it in a thread."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import anyio
import anyio.to_thread

from rlm_runtime._events import Event
from rlm_runtime._groups import unwrapped
from rlm_runtime._trace.files import create_trace, recover_trace
from rlm_runtime._trace.parts import make_parts, new_compressor
from rlm_runtime._trace.sink import TRANSIENT, Sink
from rlm_runtime._trace.values import Bulk, is_small, measure_value
from rlm_runtime._values import UnsendableError

PATIENCE_SECONDS = 300.0
"""How long a full disk is waited for before the trace is given up."""

_RETRY_SECONDS = 0.5
_SYNC_SECONDS = 1.0
_CLOSE_SECONDS = 10.0
_BATCH_ITEMS = 512
_BATCH_BYTES = 8 * 2**20
_MOST_QUEUED = 32 * 2**20
_KEPT_AT_ONCE = 4

_T = TypeVar("_T")


class TraceWriter:
    """Writes the events and values of one run; `open_trace_writer` makes it.

    What goes wrong after the start never ends the run: while the disk is full, `stalled` says so,
    and the writer tries again; where there is no hope, it stops, and `error` says why.
    """

    def __init__(self, path: Path, sink: Sink, known: set[bytes], *, patience: float) -> None:
        self.path = path
        self.error: str | None = None
        """Why nothing more is written; None while all is well."""
        self.stalled: str | None = None
        """Why nothing can be written for now; None while all is well."""
        self.on_change: Callable[[], None] = lambda: None
        """Is called when `error` or `stalled` has changed."""
        self._sink = sink
        self._known = known
        self._patience = patience
        self._queue: deque[Event | bytes] = deque()
        self._queued_bytes = 0
        self._appended = self._written = 0
        self._news, self._unsynced, self._progress = anyio.Event(), anyio.Event(), anyio.Event()
        self._closing = False
        self._ended = anyio.Event()
        self._scope = anyio.CancelScope(shield=True)
        self._keeping: dict[bytes, anyio.Event] = {}
        self._compressor = new_compressor()
        # Threads of its own: those of others may all be busy
        self._writing, self._syncing = anyio.CapacityLimiter(1), anyio.CapacityLimiter(1)
        self._packing = anyio.CapacityLimiter(_KEPT_AT_ONCE)
        self._large = anyio.Semaphore(_KEPT_AT_ONCE)

    def write(self, event: Event) -> None:
        """Append one event, soon."""
        self._append(event)

    async def keep(self, value: object) -> str:
        """Append a value, unless it is there; give the reference that events name it by.

        It is empty for a value that the codec has no form for, and where nothing is written.
        """
        if self.error is not None:
            return ""
        try:
            if is_small(value):
                bulk = measure_value(value)
                if bulk.digest not in self._known:
                    for record in make_parts(bulk, self._compressor):
                        self._append(record)
                    self._known.add(bulk.digest)
                return bulk.ref
            async with self._large:
                bulk = await self._in_thread(self._packing, partial(measure_value, value))
                await self._keep_large(bulk)
        except UnsendableError:
            return ""
        return "" if self.error is not None else bulk.ref

    async def wait_written(self) -> None:
        """Wait until all that was appended so far survives the end of this process."""
        end = self._appended
        while self._written < end and not self._is_over:
            await self._progress.wait()

    async def run(self) -> None:
        """Write what is appended, until the end."""
        try:
            with self._scope:
                while await self._has_news():
                    batch = self._take_batch()
                    if not await self._write_batch(batch):
                        break
                    self._written += len(batch)
                    self._unsynced.set()
                    self._move_on()
        finally:
            self._ended.set()
            self._move_on()

    async def sync_regularly(self) -> None:
        """Have what was written survive the end of the machine, again and again."""
        while self.error is None:
            await self._unsynced.wait()
            self._unsynced = anyio.Event()
            await self._sync()
            await anyio.sleep(_SYNC_SECONDS)

    async def finish(self) -> None:
        """Write what is left, within bounds."""
        with anyio.CancelScope(shield=True):
            with anyio.move_on_after(_CLOSE_SECONDS) as scope:
                self._closing = True
                self._news.set()
                await self._ended.wait()
                await self._sync()
            if scope.cancelled_caught and not self._ended.is_set():
                self._scope.cancel()
                self._give_up(self.stalled or self._trouble("the disk does not answer"))

    @property
    def _is_over(self) -> bool:
        return self.error is not None or self._ended.is_set()

    def _append(self, item: Event | bytes) -> None:
        if self._is_over:
            return
        self._queue.append(item)
        self._appended += 1
        if isinstance(item, bytes):
            self._queued_bytes += len(item)
        self._news.set()

    async def _keep_large(self, bulk: Bulk) -> None:
        while (other := self._keeping.get(bulk.digest)) is not None:
            await other.wait()
        if bulk.digest in self._known:
            return
        done = self._keeping[bulk.digest] = anyio.Event()
        try:
            parts = make_parts(bulk, new_compressor())
            while record := await self._in_thread(self._packing, partial(next, parts, b"")):
                while self._queued_bytes > _MOST_QUEUED and not self._is_over:
                    await self._progress.wait()
                self._append(record)
            self._known.add(bulk.digest)
        finally:
            del self._keeping[bulk.digest]
            done.set()

    async def _has_news(self) -> bool:
        while not self._queue and not self._closing and self.error is None:
            self._news = anyio.Event()
            await self._news.wait()
        return bool(self._queue) and self.error is None

    def _take_batch(self) -> list[Event | bytes]:
        batch: list[Event | bytes] = []
        size = 0
        while self._queue and len(batch) < _BATCH_ITEMS and size < _BATCH_BYTES:
            item = self._queue.popleft()
            batch.append(item)
            if isinstance(item, bytes):
                size += len(item)
        self._queued_bytes -= size
        return batch

    async def _write_batch(self, batch: list[Event | bytes]) -> bool:
        """Write a batch, and wait for room as long as patience lasts; tell whether it is there."""
        error = await self._in_thread(self._writing, partial(self._sink.append, batch))
        began = time.monotonic()
        while error is not None:
            trouble = self._trouble(error.strerror)
            if error.errno not in TRANSIENT or time.monotonic() - began >= self._patience:
                self._give_up(trouble)
                return False
            if self.stalled is None:
                self.stalled = trouble
                self.on_change()
            await anyio.sleep(_RETRY_SECONDS)
            error = await self._in_thread(self._writing, self._sink.flush)
        if self.stalled is not None:
            self.stalled = None
            self.on_change()
        return True

    async def _sync(self) -> None:
        if self.error is None:
            error = await self._in_thread(self._syncing, self._sink.sync)
            if error is not None:
                self._give_up(self._trouble(error.strerror))

    def _trouble(self, reason: str | None) -> str:
        return f"Cannot write to trace {str(self.path)!r}: {reason}"

    def _give_up(self, error: str) -> None:
        if self.error is not None:
            return
        self.error, self.stalled = error, None
        self._queue.clear()
        self._news.set()
        self._move_on()
        self.on_change()

    def _move_on(self) -> None:
        progress, self._progress = self._progress, anyio.Event()
        progress.set()

    async def _in_thread(self, limiter: anyio.CapacityLimiter, work: Callable[[], _T]) -> _T:
        return await anyio.to_thread.run_sync(work, limiter=limiter, abandon_on_cancel=True)


@asynccontextmanager
async def open_trace_writer(
    trace_dir: Path, run: str, *, patience: float = PATIENCE_SECONDS
) -> AsyncIterator[TraceWriter]:
    """Create the trace of a run, and write it for the length of the block.

    Raises:
        TraceError: There cannot be a trace in this place.
    """
    path, fd = create_trace(trace_dir, run)
    async with _writing(path, fd, set(), patience) as writer:
        yield writer


@asynccontextmanager
async def reopen_trace_writer(
    path: Path, *, patience: float = PATIENCE_SECONDS
) -> AsyncIterator[TraceWriter]:
    """Go on with the trace of a run that has ended or crashed, for the length of the block.

    A record at its end that is not whole is taken off.

    Raises:
        TraceError: It cannot be written, is written by another process, is no trace, or is damaged.
    """
    fd, known = await anyio.to_thread.run_sync(recover_trace, path)
    async with _writing(path, fd, known, patience) as writer:
        yield writer


@asynccontextmanager
async def _writing(
    path: Path, fd: int, known: set[bytes], patience: float
) -> AsyncIterator[TraceWriter]:
    sink = Sink(path, fd, known)
    try:
        with unwrapped():
            async with anyio.create_task_group() as tasks:
                writer = TraceWriter(path, sink, known, patience=patience)
                tasks.start_soon(writer.run)
                tasks.start_soon(writer.sync_regularly)
                try:
                    yield writer
                finally:
                    await writer.finish()
                    tasks.cancel_scope.cancel()
    finally:
        sink.close()
