"""Sandboxes that start, die and speak when a test says so, and a pool of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

import anyio

from rlm_runtime._groups import unwrapped
from rlm_runtime._sandbox.base import ExecutionResult, HostCalls, OpenSandbox, ToolSpec
from rlm_runtime._sandbox.pool import Pool, open_pool
from tests.calls import FakeCalls


class Controlled:
    """A sandbox that lives by events."""

    def __init__(self, number: int, calls: HostCalls, memory_mb: int) -> None:
        self.pid = number
        self.calls = calls
        self.memory_mb = memory_mb
        self.go = anyio.Event()
        self.lost = anyio.Event()
        self.is_lost = False
        self.was_cancelled = False
        self.may_close = anyio.Event()
        self.may_close.set()
        self.broken = anyio.Event()
        self.error: Exception | None = None
        self.output = ""
        self.is_open = True
        self.has_started = False

    async def seed(self, seed: int) -> None:
        raise AssertionError

    async def assign(self, name: str, value: object) -> None:
        raise AssertionError

    async def provide_tools(self, tools: Sequence[ToolSpec]) -> None:
        raise AssertionError

    async def execute(self, code: str) -> ExecutionResult:
        raise AssertionError

    async def interrupt(self) -> None:
        raise AssertionError

    def cpu_seconds(self) -> float:
        raise AssertionError

    def output_so_far(self) -> ExecutionResult:
        return ExecutionResult(stdout=self.output)

    async def wait_lost(self) -> None:
        await self.lost.wait()

    def start(self, error: Exception | None = None) -> None:
        """Let its start come to its end."""
        self.error = error
        self.go.set()

    def crash(self, error: Exception) -> None:
        """Let it break while it is open, by an error of ours."""
        self.error = error
        self.broken.set()

    async def wait_broken(self) -> None:
        """Raise what it breaks by."""
        await self.broken.wait()
        assert self.error is not None
        raise self.error


class Opener:
    """Opens controlled sandboxes; each waits for its `start`, unless they start by themselves."""

    def __init__(self, *, by_itself: bool = False, error: Exception | None = None) -> None:
        self.made: list[Controlled] = []
        self.by_itself = by_itself
        self.error = error
        """What every start fails with."""

    @asynccontextmanager
    async def __call__(self, calls: HostCalls, *, memory_mb: int) -> AsyncIterator[Controlled]:
        sandbox = Controlled(len(self.made), calls, memory_mb)
        self.made.append(sandbox)
        try:
            if not self.by_itself:
                await sandbox.go.wait()
            if error := sandbox.error or self.error:
                raise error
            sandbox.has_started = True
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(sandbox.wait_broken)
                try:
                    yield sandbox
                except anyio.get_cancelled_exc_class():
                    sandbox.was_cancelled = sandbox.error is None
                    raise
                tasks.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
        finally:
            with anyio.CancelScope(shield=True):
                await sandbox.may_close.wait()
            sandbox.is_open = False

    @property
    def started(self) -> int:
        """How many have taken their memory."""
        return sum(sandbox.has_started and sandbox.is_open for sandbox in self.made)

    @property
    def open(self) -> list[int]:
        """The numbers of those that are starting or running."""
        return [sandbox.pid for sandbox in self.made if sandbox.is_open]


class Node:
    """A node that holds a sandbox from `hold` on until it is told to leave."""

    def __init__(self, open_sandbox: OpenSandbox, *, memory_mb: int = 512) -> None:
        self.calls = FakeCalls()
        self.pid: int | None = None
        self.error: Exception | None = None
        self.raises: Exception | None = None
        self.ended = anyio.Event()
        self.scope = anyio.CancelScope()
        self._leave = anyio.Event()
        self._open_sandbox = open_sandbox
        self._memory_mb = memory_mb

    async def hold(self) -> None:
        """Want a sandbox, have it, leave it."""
        try:
            with self.scope:
                async with self._open_sandbox(self.calls, memory_mb=self._memory_mb) as sandbox:
                    self.pid = sandbox.pid
                    await self._leave.wait()
                    if self.raises is not None:
                        raise self.raises
        except Exception as exc:
            self.error = exc
        finally:
            self.ended.set()

    def leave(self, raises: Exception | None = None) -> None:
        """Let its block end."""
        self.raises = raises
        self._leave.set()


class Pooled:
    """A pool whose sandboxes are controlled, with nodes to come and go."""

    def __init__(self, pool: Pool, opener: Opener, tasks: anyio.abc.TaskGroup) -> None:
        self.pool = pool
        self.made = opener.made
        self.opener = opener
        self._tasks = tasks

    @contextmanager
    def run(self, room: int = 8, memory_mb: int = 512) -> Iterator[OpenSandbox]:
        """Open a run."""
        with self.pool.run(room=room, memory_mb=memory_mb) as open_sandbox:
            yield open_sandbox

    async def node(self, open_sandbox: OpenSandbox, *, memory_mb: int = 512) -> Node:
        """Let a node want a sandbox, and see what comes of it."""
        node = self.node_nowait(open_sandbox, memory_mb=memory_mb)
        await anyio.wait_all_tasks_blocked()
        return node

    def node_nowait(self, open_sandbox: OpenSandbox, *, memory_mb: int = 512) -> Node:
        """Let a node want a sandbox as soon as the test waits."""
        node = Node(open_sandbox, memory_mb=memory_mb)
        self._tasks.start_soon(node.hold)
        return node

    async def nodes(self, open_sandbox: OpenSandbox, n: int) -> list[Node]:
        """Let several want one, in this order."""
        return [await self.node(open_sandbox) for _ in range(n)]

    async def crowd(self, open_sandbox: OpenSandbox, n: int) -> list[Node]:
        """Let several want one while none can start, and then let all start."""
        self.opener.by_itself = False
        nodes = await self.nodes(open_sandbox, n)
        self.opener.by_itself = True
        for sandbox in self.made:
            sandbox.start()
        await anyio.wait_all_tasks_blocked()
        assert all(node.pid is not None for node in nodes)
        return nodes

    async def start(self, *numbers: int, error: Exception | None = None) -> None:
        """Let the starts of these end."""
        for number in numbers:
            self.made[number].start(error)
        await anyio.wait_all_tasks_blocked()

    async def leave(self, *nodes: Node) -> None:
        """Let nodes end."""
        for node in nodes:
            node.leave()
        await anyio.wait_all_tasks_blocked()


@asynccontextmanager
async def pooled(
    opener: Opener | None = None,
    *,
    spares: int | None = None,
    cores: int = 8,
    memory_mb: int = 100_000,
    window: float = 1000,
) -> AsyncIterator[Pooled]:
    """Open a pool of controlled sandboxes, which take 130 MB each; see that nothing is left."""
    opener = opener or Opener()
    with anyio.fail_after(30), unwrapped():
        async with anyio.create_task_group() as tasks:
            async with open_pool(
                opener,
                spares=spares,
                cores=cores,
                free_memory_mb=lambda: memory_mb - 130 * opener.started,
                window=window,
            ) as pool:
                yield Pooled(pool, opener, tasks)
            await anyio.wait_all_tasks_blocked()
            assert opener.open == [], "a sandbox outlived its pool"
            tasks.cancel_scope.cancel()
