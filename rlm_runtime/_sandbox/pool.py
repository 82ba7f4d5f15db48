"""Warm spares: sandboxes that start before a node wants them.

A pool starts all sandboxes, a few at a time, so that many nodes at once do not storm the machine.
Nodes come first, in the order in which they asked; while a run is open that can have child nodes,
what is left goes into spares, few at first, more when there were too few. Each sandbox serves one
node and is closed with it.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager

import anyio
import anyio.abc

from rlm_runtime._errors import SandboxStartError
from rlm_runtime._groups import unwrapped
from rlm_runtime._sandbox.base import HostCalls, OpenSandbox, Sandbox
from rlm_runtime._sandbox.machine import available_memory_mb, usable_cores
from rlm_runtime._sandbox.owned import OwnedSandbox

_FIRST_SPARES = 2
_SPARES_PER_CORE = 4
_SPARE_MB = 130
_SHARE_OF_MEMORY = 0.25
_MOST_SPOILED = 3
_SPOILED = "Cannot start a sandbox: it was lost, or had printed something, when it was ready"
_WINDOW_SECONDS = 10.0


class Pool:
    """Starts sandboxes for runs, some of them ahead; `open_pool` makes it."""

    def __init__(
        self,
        open_sandbox: OpenSandbox,
        tasks: anyio.abc.TaskGroup,
        *,
        spares: int | None,
        cores: int,
        free_memory_mb: Callable[[], int],
    ) -> None:
        self._open_sandbox = open_sandbox
        self._tasks = tasks
        self._fixed = spares
        self._cores = cores
        self._free_memory_mb = free_memory_mb
        self._runs: list[_Run] = []
        self._demands: deque[_Demand] = deque()
        self._starting: list[OwnedSandbox] = []
        self._ready: list[OwnedSandbox] = []
        self._lent: list[OwnedSandbox] = []
        self._closed = False
        self._misses = 0
        self._fewest = 0
        self._spoiled = 0

    @property
    def spares(self) -> int:
        """How many sandboxes wait for a node."""
        return sum(owned.is_fresh for owned in self._ready)

    @contextmanager
    def run(self, *, room: int, memory_mb: int) -> Iterator[OpenSandbox]:
        """Open the sandboxes of a run for the length of the block.

        Spares wait for it from its first sandbox on: for at most `room` child nodes, which are
        expected to ask for `memory_mb`.
        """
        run = _Run(self, room, memory_mb)
        self._runs.append(run)
        try:
            yield run
        finally:
            self._runs.remove(run)
            self._balance()

    @asynccontextmanager
    async def lend(self, run: _Run, calls: HostCalls, *, memory_mb: int) -> AsyncIterator[Sandbox]:
        """Lend a sandbox to a node of a run, for the length of the block.

        Raises:
            SandboxStartError: It cannot be started.
        """
        self._note_demand(run, memory_mb)
        owned = await self._take(memory_mb)
        async with owned.lend(calls) as sandbox:
            run.has_sandbox = True
            self._spoiled = 0
            self._balance()
            yield sandbox

    def shrink(self) -> None:
        """Give up as many spares as nobody has needed since the last call."""
        self._misses = max(0, self._misses - self._fewest)
        self._fewest = self._spares_of(self._spare_size())
        self._balance()

    def close(self) -> None:
        """End every sandbox, and start none any more."""
        self._closed = True
        for owned in (*self._starting, *self._ready, *self._lent):
            owned.end()
        for demand in self._demands:
            demand.settle(SandboxStartError("Cannot start a sandbox: its pool has closed"))
        self._demands.clear()

    def _note_demand(self, run: _Run, memory_mb: int) -> None:
        """Learn how many spares are enough; a root has none to expect."""
        if not (run.has_sandbox and memory_mb == run.memory_mb):
            return
        found = self._spares_of(memory_mb)
        if not found:
            self._misses = min(self._misses + 1, self._allowed())
        self._fewest = min(self._fewest, max(0, found - 1))

    async def _take(self, memory_mb: int) -> OwnedSandbox:
        while True:
            demand = _Demand(memory_mb)
            self._demands.append(demand)
            self._balance()
            try:
                owned = await demand.wait()
            except anyio.get_cancelled_exc_class():
                self._withdraw(demand)
                raise
            # It may have died on the way
            if owned.is_fresh:
                return owned
            owned.end()

    def _withdraw(self, demand: _Demand) -> None:
        """Forget a demand; what it got was used by nobody, and is a spare again."""
        if demand in self._demands:
            self._demands.remove(demand)
        elif isinstance(demand.outcome, OwnedSandbox) and demand.outcome in self._lent:
            self._lent.remove(demand.outcome)
            self._ready.append(demand.outcome)
        self._balance()

    def _balance(self) -> None:
        """Bring together what is wanted and what there is."""
        if self._closed:
            self.close()
            return
        self._hand_over()
        self._drop_surplus()
        while len(self._starting) < self._cores and (size := self._next_size()) is not None:
            owned = OwnedSandbox(size)
            self._starting.append(owned)
            self._tasks.start_soon(self._own, owned)

    def _hand_over(self) -> None:
        for demand in tuple(self._demands):
            for owned in self._ready:
                if owned.memory_mb == demand.memory_mb and owned.is_fresh:
                    self._ready.remove(owned)
                    self._lent.append(owned)
                    self._demands.remove(demand)
                    demand.settle(owned)
                    break

    def _drop_surplus(self) -> None:
        """End what is spoiled, and what nobody wants any more."""
        wanted = Counter(demand.memory_mb for demand in self._demands)
        if (size := self._spare_size()) is not None:
            wanted[size] += self._wanted_spares()
        for owned in (*self._ready, *self._starting):
            if owned.is_ending:
                continue
            if owned in self._ready and not owned.is_fresh:
                self._spoiled += 1
                owned.end()
                continue
            wanted[owned.memory_mb] -= 1
            if wanted[owned.memory_mb] < 0:
                owned.end()

    def _next_size(self) -> int | None:
        """Give the memory of the sandbox to start next: for a node, else for a spare."""
        coming = Counter(one.memory_mb for one in self._starting if not one.is_ending)
        for demand in self._demands:
            if not coming[demand.memory_mb]:
                return demand.memory_mb
            coming[demand.memory_mb] -= 1
        size = self._spare_size()
        if size is None or self._spoiled >= _MOST_SPOILED:
            return None
        there, wanted = self._spares_of(size) + coming[size], self._wanted_spares()
        if self._fixed is None and there < wanted:
            wanted = min(wanted, self._allowed())
        return size if there < wanted else None

    def _spares_of(self, memory_mb: int | None) -> int:
        return sum(one.memory_mb == memory_mb and one.is_fresh for one in self._ready)

    def _expecting(self) -> list[_Run]:
        """Name the runs that may soon have child nodes."""
        return [run for run in self._runs if run.has_sandbox and run.room]

    def _spare_size(self) -> int | None:
        """Give the memory of spares: what the children of the newest run will ask for."""
        expecting = self._expecting()
        return expecting[-1].memory_mb if expecting else None

    def _wanted_spares(self) -> int:
        room = sum(run.room for run in self._expecting())
        return min(room, _FIRST_SPARES + self._misses if self._fixed is None else self._fixed)

    def _allowed(self) -> int:
        """Tell how many spares the machine has room for, those that it has included."""
        # What is starting has not taken its memory yet
        free_mb = self._free_memory_mb() + _SPARE_MB * (len(self._ready) - len(self._starting))
        return min(_SPARES_PER_CORE * self._cores, int(free_mb * _SHARE_OF_MEMORY) // _SPARE_MB)

    async def _own(self, owned: OwnedSandbox) -> None:
        await owned.live(
            self._open_sandbox,
            on_ready=self._add_ready,
            on_lost=self._drop_lost,
            on_closed=self._forget,
        )

    def _add_ready(self, owned: OwnedSandbox) -> None:
        self._starting.remove(owned)
        if owned.is_fresh or owned.is_ending:
            self._ready.append(owned)
        else:
            # Another would be as this one, and whoever waits would do so for ever
            owned.end()
            self._fail_one(owned.memory_mb, SandboxStartError(_SPOILED))
        self._balance()

    def _drop_lost(self, owned: OwnedSandbox) -> None:
        """Replace a spare that died; a node learns by itself that its sandbox is lost."""
        if owned in self._ready:
            self._balance()

    def _forget(self, owned: OwnedSandbox) -> None:
        for place in (self._starting, self._ready, self._lent):
            if owned in place:
                if place is self._starting and owned.error is not None:
                    self._fail_one(owned.memory_mb, owned.error)
                place.remove(owned)
        self._balance()

    def _fail_one(self, memory_mb: int, error: Exception) -> None:
        """Tell whoever has waited longest; a spare that does not start is nobody's error."""
        for demand in self._demands:
            if demand.memory_mb == memory_mb:
                self._demands.remove(demand)
                demand.settle(error)
                return
        self._spoiled += 1


class _Run:
    """A run as the pool sees it; the run sees an `OpenSandbox`."""

    def __init__(self, pool: Pool, room: int, memory_mb: int) -> None:
        self.room = room
        self.memory_mb = memory_mb
        self.has_sandbox = False
        self._pool = pool

    def __call__(self, calls: HostCalls, *, memory_mb: int) -> AbstractAsyncContextManager[Sandbox]:
        """Open a sandbox for the length of a block."""
        return self._pool.lend(self, calls, memory_mb=memory_mb)


class _Demand:
    """A node that waits for a sandbox."""

    def __init__(self, memory_mb: int) -> None:
        self.memory_mb = memory_mb
        self.outcome: OwnedSandbox | Exception | None = None
        self._settled = anyio.Event()

    def settle(self, outcome: OwnedSandbox | Exception) -> None:
        """Give what it waits for, or the reason why it gets nothing."""
        self.outcome = outcome
        self._settled.set()

    async def wait(self) -> OwnedSandbox:
        """Wait until it is settled."""
        await self._settled.wait()
        if isinstance(self.outcome, Exception):
            raise self.outcome
        assert self.outcome is not None
        return self.outcome


@asynccontextmanager
async def open_pool(
    open_sandbox: OpenSandbox,
    *,
    spares: int | None = None,
    cores: int | None = None,
    free_memory_mb: Callable[[], int] = available_memory_mb,
    window: float = _WINDOW_SECONDS,
) -> AsyncIterator[Pool]:
    """Pool sandboxes for the length of the block.

    Args:
        open_sandbox: Starts each of them.
        spares: How many are kept while there is use for them; None learns from demand, within
            what the machine has.
        cores: As many sandboxes start at once; None counts those of the machine.
        free_memory_mb: Tells how much memory is free.
        window: Spares that nobody has needed for so many seconds are given up.
    """
    with unwrapped():
        async with anyio.create_task_group() as tasks:
            pool = Pool(
                open_sandbox,
                tasks,
                spares=spares,
                cores=usable_cores() if cores is None else cores,
                free_memory_mb=free_memory_mb,
            )
            tasks.start_soon(_shrink, pool, window)
            try:
                yield pool
            finally:
                pool.close()
            tasks.cancel_scope.cancel()


async def _shrink(pool: Pool, window: float) -> None:
    while True:
        await anyio.sleep(window)
        pool.shrink()
