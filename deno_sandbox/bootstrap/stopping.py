"""Stopping code: an interrupt strikes user code only, and what the REPL holds survives it.

The host's wish arrives as a signal, which Python delivers between any two instructions. An
exception raised in the event loop's own code ends the sandbox, one raised in the middle of a
message to the host garbles it. So the signal's handler raises only while a step of a user's task
runs, outside of the functions that are `shielded`; anywhere else it leaves a note, which the next
step of user code finds.
"""

from __future__ import annotations

import asyncio
import collections.abc
import functools
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")


class StoppedError(BaseException):
    """A task was stopped; those who wait for it get this."""


class _Strikes:
    """Whether an interrupt may strike now, and whether one waits until it may."""

    def __init__(self) -> None:
        self.allowed = False
        self.waiting = False
        self.stopped = False

    def strike(self, *_: object) -> None:
        """Handle the signal."""
        self.stopped = True
        self.waiting = not self.allowed
        if self.allowed:
            raise KeyboardInterrupt

    def enter(self, allowed: bool) -> None:
        """Say whether interrupts may strike from now on; one that waits does at once.

        Raises:
            KeyboardInterrupt: One has waited.
        """
        self.allowed = allowed
        if allowed and self.waiting:
            self.waiting = False
            raise KeyboardInterrupt


# There is one signal handler, so there is one state
_strikes = _Strikes()
strike = _strikes.strike


def shielded(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Let no interrupt strike while a function of ours runs, which user code has called."""

    @functools.wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        before, _strikes.allowed = _strikes.allowed, False
        try:
            result = function(*args, **kwargs)
        except BaseException:
            _strikes.allowed = before
            raise
        _strikes.enter(before)
        return result

    return call


class _Steps(collections.abc.Coroutine[Any, Any, Any]):
    """A user's coroutine, each step of which an interrupt may strike."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._coroutine = coroutine
        self.__qualname__ = getattr(coroutine, "__qualname__", type(coroutine).__name__)

    def send(self, value: Any) -> Any:
        return self._step(self._coroutine.send, value)

    def throw(self, *exc: Any) -> Any:
        return self._step(self._coroutine.throw, *exc)

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Any:
        return self

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        return self.send(None)

    def _step(self, step: Callable[..., Any], *args: Any) -> Any:
        before = _strikes.allowed
        try:
            try:
                _strikes.enter(True)
            except KeyboardInterrupt as waited:
                return self._coroutine.throw(waited)
            return step(*args)
        except KeyboardInterrupt:
            # The event loop takes it for a wish to end the process
            raise StoppedError("the task was stopped") from None
        finally:
            _strikes.allowed = before


class Stopper:
    """Knows what user code has under way, and stops it."""

    def __init__(self, loop: Any, run_sync: Callable[[Any], Any]) -> None:
        self._loop = loop
        self._run_sync = run_sync
        self._create_task = loop.create_task
        # Weak, as the loop's own set of tasks is
        self._tasks: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()
        self._waits: dict[asyncio.Future[Any], asyncio.Task[Any] | None] = {}

    @property
    def stopped(self) -> bool:
        """Whether the code that runs now, or ran last, was told to stop."""
        return _strikes.stopped

    def begin(self) -> None:
        """Forget the interrupts of the code that ran before."""
        _strikes.stopped = _strikes.waiting = False

    def create_task(self, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        """Create a task of user code."""
        if asyncio.iscoroutine(coroutine):
            coroutine = _Steps(coroutine)
        task: asyncio.Task[Any] = self._create_task(coroutine, **options)
        self._tasks.add(task)
        return task

    def wait(self, awaitable: Awaitable[_T]) -> _T:
        """Wait in synchronous code; the event loop runs meanwhile, and is not to be struck."""
        before, _strikes.allowed = _strikes.allowed, False
        try:
            result = self._wait(awaitable)
        except BaseException as exc:
            _strikes.allowed = before
            if self.stopped and isinstance(exc, asyncio.CancelledError | StoppedError):
                raise KeyboardInterrupt from None
            raise
        _strikes.enter(before)
        return result

    def _wait(self, awaitable: Awaitable[_T]) -> _T:
        future = asyncio.ensure_future(awaitable)
        self._waits[future] = asyncio.current_task()
        try:
            # JavaScript sees the end of the wait only: neither value nor error would cross it whole
            self._run_sync(_end_of(future, self._loop))
        finally:
            del self._waits[future]
        return future.result()

    def stop(self) -> None:
        """Stop what waits: every task of the code, and what waits in synchronous code."""
        _strikes.stopped = True
        # A task that waits in synchronous code learns of it there
        waiting = set(self._waits.values())
        for one in (*self._waits, *(task for task in self._tasks if task not in waiting)):
            one.cancel()


def _end_of(future: asyncio.Future[Any], loop: Any) -> asyncio.Future[None]:
    """Give a future that is done when another one is, whatever became of that."""
    end: asyncio.Future[None] = loop.create_future()
    future.add_done_callback(lambda _: None if end.done() else end.set_result(None))
    return end
