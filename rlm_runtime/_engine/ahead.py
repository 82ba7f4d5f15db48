"""Work that goes on beside a block until the block needs what it gives."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

import anyio

from rlm_runtime._groups import unwrapped

_T = TypeVar("_T")


class Ahead(Generic[_T]):
    """Work that has begun; `open_ahead` makes it."""

    def __init__(self) -> None:
        self._done = anyio.Event()
        self._values: list[_T] = []
        self.error: Exception | None = None

    async def wait(self) -> _T:
        """Wait until it is done, and return what it gave."""
        await self._done.wait()
        return self._values[0]

    async def run(self, work: Callable[[], Awaitable[_T]], block: anyio.CancelScope) -> None:
        """Do the work; where it fails, end the block."""
        try:
            self._values.append(await work())
            self._done.set()
        except Exception as exc:
            self.error = exc
            block.cancel()


@asynccontextmanager
async def open_ahead(work: Callable[[], Awaitable[_T]]) -> AsyncIterator[Ahead[_T]]:
    """Do work beside the block; if one of the two fails, the other is cancelled.

    The error is raised as it is, never in a group.
    """
    ahead: Ahead[_T] = Ahead()
    with unwrapped():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ahead.run, work, tasks.cancel_scope)
            yield ahead
            tasks.cancel_scope.cancel()
    if ahead.error is not None:
        raise ahead.error
