"""The replies that traces hold, by the keys of their requests.

Their texts lie in a temporary file, so that a long record takes little memory.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import anyio.to_thread

from rlm_runtime._engine.fork_points import ForkPoint
from rlm_runtime._errors import TraceError
from rlm_runtime._events import ModelFailed, ModelReplied, ModelRequested, RunStarted
from rlm_runtime._trace.reader import open_trace


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reply lies."""

    run: str
    """The run that it was given in."""
    start: int
    size: int


class RecordedReplies:
    """The complete replies of some runs; `open_recorded` makes it."""

    def __init__(
        self, file: BinaryIO, paths: Sequence[Path], beyond: ForkPoint | None = None
    ) -> None:
        self.paths = tuple(paths)
        """The traces, in the order in which they are looked through."""
        self._beyond = beyond
        self.seed: int | None = None
        """That of the first run; None where its trace does not say."""
        self._file = file
        self._size = 0
        self._places: dict[str, list[Place]] = {}

    def places(self, key: str) -> Sequence[Place]:
        """Give where the replies to a request lie: in the order of the runs, then of requests."""
        return self._places.get(key, ())

    async def load(self, place: Place) -> ModelReplied:
        """Read a reply.

        Raises:
            TraceError: It cannot be read.
        """
        return await anyio.to_thread.run_sync(self._load, place)

    def read(self) -> None:
        """Read the traces; it takes a while.

        Raises:
            TraceError: One cannot be read, or is damaged.
        """
        try:
            for number, path in enumerate(self.paths):
                self._add_run(path, is_first=number == 0)
                self._beyond = None
            self._file.flush()
        except OSError as exc:
            raise TraceError(f"Cannot keep recorded replies: {exc.strerror}") from exc

    def _add_run(self, path: Path, *, is_first: bool) -> None:
        found: list[tuple[int, str, Place]] = []
        with open_trace(path) as trace:
            for number, key, reply in self._replies(trace.events(), is_first=is_first):
                data = json.dumps(asdict(reply)).encode("ascii")
                run = reply.recalled or trace.header.run
                found.append((number, key, Place(run, self._size, len(data))))
                self._file.write(data)
                self._size += len(data)
        # Replies that were under way together came in any order
        for _, key, place in sorted(found, key=lambda one: one[0]):
            self._places.setdefault(key, []).append(place)

    def _replies(
        self, events: Iterator[object], *, is_first: bool
    ) -> Iterator[tuple[int, str, ModelReplied]]:
        """Give each reply with the number and the key of its request.

        Of a run that is forked, those that are not shared, without that of the request itself.
        """
        beyond = self._beyond
        waiting: dict[tuple[int, int], tuple[int, str]] = {}
        for number, event in enumerate(events):
            match event:
                case RunStarted() if is_first:
                    self.seed = event.seed
                case ModelRequested() if beyond is not None and beyond.asks_for(event):
                    continue
                case ModelRequested() if event.key:
                    waiting[event.node, event.call] = (number, event.key)
                case ModelReplied():
                    asked = waiting.pop((event.node, event.call), None)
                    if asked is not None and (beyond is None or event.seq > beyond.seq):
                        yield *asked, event
                case ModelFailed():
                    waiting.pop((event.node, event.call), None)

    def _load(self, place: Place) -> ModelReplied:
        try:
            data = os.pread(self._file.fileno(), place.size, place.start)
            return ModelReplied(**json.loads(data))
        except (OSError, ValueError) as exc:
            raise TraceError(f"Cannot recall a reply of run {place.run!r}: {exc}") from exc


@asynccontextmanager
async def open_recorded(
    paths: Sequence[Path], beyond: ForkPoint | None = None
) -> AsyncIterator[RecordedReplies]:
    """Read the replies of some runs, and keep them at hand for the length of the block.

    A run that is being written gives what it has so far. Where the first one is forked, `beyond`
    says where: what the fork shares with it is left out, and so is the reply that it asks for anew.

    Raises:
        TraceError: A trace cannot be read, or is damaged.
    """
    try:
        file = tempfile.TemporaryFile(prefix="rlm-")  # noqa: SIM115  # closed below
    except OSError as exc:
        raise TraceError(f"Cannot keep recorded replies: {exc.strerror}") from exc
    with file:
        recorded = RecordedReplies(file, paths, beyond)
        await anyio.to_thread.run_sync(recorded.read)
        yield recorded
