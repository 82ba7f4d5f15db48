"""Threads for functions that nothing can stop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

import anyio

from rlm_runtime._tools.base import ToolError

_MOST_LEFT_BEHIND = 8


class Threads:
    """Runs a function in threads; one that does not end in time is left behind, and counted.

    They do not keep the process alive, as those of a pool would.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._left_behind = 0

    async def run(self, function: Callable[[], Any]) -> Any:
        """Run the function in a thread of its own; where this is cancelled it goes on alone.

        Raises:
            ToolError: Too many are left behind, or the system gives no more threads.
        """
        if self._left_behind >= _MOST_LEFT_BEHIND:
            raise ToolError(
                f"Cannot call {self._name}(): {self._left_behind} earlier calls took too long, and"
                " go on where nothing can stop them"
            )
        work = _Work(function, asyncio.get_running_loop(), self._forget)
        try:
            # As daemons: one that hangs must not hold up the end of the process
            threading.Thread(target=copy_context().run, args=(work.run,), daemon=True).start()
        except RuntimeError as exc:
            reason = "the system gives no more threads"
            raise ToolError(f"Cannot call {self._name}(): {reason}") from exc
        try:
            await work.ended.wait()
        except anyio.get_cancelled_exc_class():
            if not work.ended.is_set():
                work.is_left_behind = True
                self._left_behind += 1
            raise
        return work.result()

    def _forget(self) -> None:
        self._left_behind -= 1


class _Work:
    """One call in a thread."""

    def __init__(
        self,
        function: Callable[[], Any],
        loop: asyncio.AbstractEventLoop,
        forget: Callable[[], None],
    ) -> None:
        self.ended = anyio.Event()
        self.is_left_behind = False
        self._function = function
        self._loop = loop
        self._forget = forget
        self._values: list[Any] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        """Run in the thread."""
        try:
            self._values.append(self._function())
        # SystemExit too would end this thread only, and nobody would be told
        except BaseException as exc:
            self._error = exc
        try:
            self._loop.call_soon_threadsafe(self._settle)
        except RuntimeError:
            # The event loop has ended meanwhile
            return

    def result(self) -> Any:
        """Give what the function gave."""
        if isinstance(self._error, Exception):
            raise self._error
        if self._error is not None:
            raise RuntimeError(type(self._error).__name__) from self._error
        return self._values[0]

    def _settle(self) -> None:
        self.ended.set()
        if self.is_left_behind:
            self._forget()
