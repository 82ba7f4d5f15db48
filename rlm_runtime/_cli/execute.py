"""One run from its start to its end, whatever ends it."""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

import anyio

from rlm_runtime._cli.progress import Progress
from rlm_runtime._cli.stderr import tell
from rlm_runtime._cli.tally import Tally
from rlm_runtime._context import Context
from rlm_runtime._events import Event

if TYPE_CHECKING:  # the command line must be able to start without the engine
    from collections.abc import AsyncIterator

    from rlm_runtime._runner import RunResult


_R = TypeVar("_R")


class Runner(Protocol):
    """The part of `RLM` that a command needs."""

    async def run(
        self, query: str, *, context: object = ..., output_type: object = ...
    ) -> RunResult:
        """Answer a query."""
        ...


OpenRunner = Callable[
    [Callable[[Event], None], Callable[[str], None]], AbstractAsyncContextManager[Runner]
]
"""Opens a runner that tells its events, and lines on its set-up, to the functions it is given."""


@dataclass(slots=True)
class Outcome:
    """How a run ended, and what its events told."""

    result: RunResult | None = None
    error: Exception | None = None
    signum: int | None = None
    """The signal that interrupted the run."""
    tally: Tally = field(default_factory=Tally)
    began: bool = False
    """Whether anything happened in this session."""
    is_over: bool = False
    """Whether all is done but for the user, who still looks at it."""


async def execute(
    open_runner: OpenRunner,
    query: str,
    context: Context | None,
    progress: Progress,
    schema: Mapping[str, object] | None = None,
) -> Outcome:
    """Run once; errors and interrupts are part of the outcome.

    The first SIGINT or SIGTERM cancels the run, the second ends the process at once.
    """
    given: dict[str, object] = {} if context is None else {"context": context.value}
    if schema is not None:
        given["output_type"] = schema

    async def run(runner: Runner) -> RunResult:
        return await runner.run(query, **given)

    return await execute_work(open_runner, run, progress)


async def execute_work(
    open_runner: Callable[
        [Callable[[Event], None], Callable[[str], None]], AbstractAsyncContextManager[_R]
    ],
    work: Callable[[_R], Awaitable[RunResult]],
    progress: Progress,
    tally: Tally | None = None,
) -> Outcome:
    """Do with a runner what gives a result; errors and interrupts are part of the outcome.

    Args:
        open_runner: Opens the runner, as `OpenRunner` does.
        work: What is done with it.
        progress: Shows the events.
        tally: What the events of earlier sessions add up to.
    """
    outcome = Outcome(tally=Tally() if tally is None else tally)

    def observe(event: Event) -> None:
        outcome.began = True
        outcome.tally.add(event)
        progress.show(event)

    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with anyio.create_task_group() as tasks:
            with anyio.CancelScope() as scope:
                tasks.start_soon(_obey_signals, signals, scope, outcome, progress)
                tasks.start_soon(progress.animate)
                try:
                    async with open_runner(observe, progress.note) as runner:
                        outcome.result = await work(runner)
                except Exception as error:
                    outcome.error = error
            outcome.is_over = True
            await progress.leave()
            tasks.cancel_scope.cancel()
    return outcome


async def _obey_signals(
    signals: AsyncIterator[signal.Signals],
    scope: anyio.CancelScope,
    outcome: Outcome,
    progress: Progress,
) -> None:
    async for signum in signals:
        if outcome.is_over:
            await progress.leave(at_once=True)
            continue
        if outcome.signum is not None:
            progress.clear()
            # Clean-up hangs or takes too long for the user: nothing may hold the process back
            os._exit(128 + signum)
        outcome.signum = signum
        scope.cancel()
        await progress.leave(at_once=True)
        progress.clear()
        tell("rlm: Stopping; once more to stop at once")
