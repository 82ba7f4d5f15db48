"""A sandbox that lives in a task of its own, so that it can be there before its node is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import Context, copy_context
from typing import Any, Generic, TypeVar

import anyio
import anyio.abc

from rlm_runtime._errors import SandboxError
from rlm_runtime._groups import unwrapped
from rlm_runtime._sandbox.base import (
    AnswerRejectedError,
    ExecutionResult,
    HostCalls,
    OpenSandbox,
    Sandbox,
    SubCall,
    SubCallError,
    ToolCall,
    ToolCallError,
)

_T = TypeVar("_T")
_NOTHING = ExecutionResult()


class OwnedSandbox:
    """A sandbox from its start to its end; it is lent once, to one node."""

    def __init__(self, memory_mb: int) -> None:
        self.memory_mb = memory_mb
        self.error: Exception | None = None
        """Why it did not start, or what broke while it ran."""
        self.is_ending = False
        self._sandbox: Sandbox | None = None
        self._link = _Link()
        # It ends when `end` says so: a cancelled run leaves it the way that is quickest
        self._scope = anyio.CancelScope(shield=True)
        self._released = anyio.Event()
        self._closed = anyio.Event()
        self._was_lost = False
        self._was_closed = False

    @property
    def is_fresh(self) -> bool:
        """Tell whether it can be lent: it is there, and has said nothing that it was not asked."""
        sandbox = self._sandbox
        if sandbox is None or self._was_lost or self.is_ending:
            return False
        return not sandbox.is_lost and sandbox.output_so_far() == _NOTHING

    async def live(
        self,
        open_sandbox: OpenSandbox,
        *,
        on_ready: Callable[[OwnedSandbox], None],
        on_lost: Callable[[OwnedSandbox], None],
        on_closed: Callable[[OwnedSandbox], None],
    ) -> None:
        """Start, and stay until `end` is called."""
        try:
            with self._scope:
                if self.is_ending:
                    return
                async with open_sandbox(self._link, memory_mb=self.memory_mb) as self._sandbox:
                    on_ready(self)
                    async with anyio.create_task_group() as tasks:
                        tasks.start_soon(self._watch, self._sandbox, on_lost)
                        await self._released.wait()
                        tasks.cancel_scope.cancel()
        except Exception as exc:
            self.error = exc
        finally:
            self._closed.set()
            on_closed(self)

    def end(self) -> None:
        """Close it; while it starts, stop that."""
        self.is_ending = True
        self._link.unbind()
        self._released.set()
        if self._sandbox is None:
            self._scope.cancel()

    @asynccontextmanager
    async def lend(self, calls: HostCalls) -> AsyncIterator[Sandbox]:
        """Give it to a node for the length of the block; it is closed when the block has ended.

        Raises:
            SandboxError: It was closed meanwhile.
        """
        assert self._sandbox is not None, "only a sandbox that has started is lent"
        try:
            with unwrapped():
                async with anyio.create_task_group() as tasks:
                    self._link.bind(calls, tasks)
                    tasks.start_soon(self._end_with, tasks.cancel_scope)
                    try:
                        yield self._sandbox
                    finally:
                        # At once, so that its code makes no calls while those it made are ended
                        self.end()
                    tasks.cancel_scope.cancel()
        finally:
            self.end()
            with anyio.CancelScope(shield=True):
                await self._closed.wait()
        if self.error is not None:
            raise self.error
        if self._was_closed:
            raise SandboxError("The sandbox is lost: its pool has closed")

    async def _watch(self, sandbox: Sandbox, on_lost: Callable[[OwnedSandbox], None]) -> None:
        await sandbox.wait_lost()
        self._was_lost = True
        on_lost(self)

    async def _end_with(self, scope: anyio.CancelScope) -> None:
        """End the node's block with the sandbox, if that ends first."""
        await self._closed.wait()
        self._was_closed = True
        scope.cancel()


class _Link:
    """Passes what a sandbox asks on to its node, once it has one; it is its `HostCalls`."""

    def __init__(self) -> None:
        self._calls: HostCalls | None = None
        self._tasks: anyio.abc.TaskGroup
        self._context: Context

    def bind(self, calls: HostCalls, tasks: anyio.abc.TaskGroup) -> None:
        """Let a node answer, in a task group of its own."""
        self._calls, self._tasks, self._context = calls, tasks, copy_context()

    def unbind(self) -> None:
        """Let nobody answer any more."""
        self._calls = None

    async def llm_query(self, call: SubCall) -> object:
        """Answer a sub-call."""
        return await self._serve(self._bound().llm_query, call)

    async def tool(self, call: ToolCall) -> object:
        """Call a tool."""
        return await self._serve(self._bound().tool, call)

    async def final(self, answer: object) -> None:
        """Take the node's answer."""
        await self._serve(self._bound().final, answer)

    def limits(self) -> dict[str, int | float | None]:
        """Tell what the node may still spend."""
        return self._bound().limits()

    def _bound(self) -> HostCalls:
        if self._calls is None:
            raise SandboxError("it made a request, but belongs to no node")
        return self._calls

    async def _serve(self, handler: Callable[[Any], Awaitable[_T]], argument: object) -> _T:
        """Serve a request among the node's own tasks: they end with it, and see its context."""
        served = _Served(handler, argument)
        self._context.run(self._tasks.start_soon, served.run)
        try:
            await served.ended.wait()
        finally:
            # Where the sandbox or its end cancels the request, it goes on until all is closed
            served.scope.cancel()
            with anyio.CancelScope(shield=True):
                await served.ended.wait()
        return served.result()


class _Served(Generic[_T]):
    """A request that is being served."""

    def __init__(self, handler: Callable[[Any], Awaitable[_T]], argument: object) -> None:
        self.scope = anyio.CancelScope()
        self.ended = anyio.Event()
        self._handler = handler
        self._argument = argument
        self._values: list[_T] = []
        self._error: Exception | None = None

    async def run(self) -> None:
        """Serve it; what no sandbox should learn of is left to the node's task group."""
        try:
            with self.scope:
                self._values.append(await self._handler(self._argument))
        except (SubCallError, ToolCallError, AnswerRejectedError) as exc:
            self._error = exc
        finally:
            self.ended.set()

    def result(self) -> _T:
        """Give what the handler gave."""
        if self._error is not None:
            raise self._error
        if not self._values:
            raise SandboxError("its node has ended")
        return self._values[0]
