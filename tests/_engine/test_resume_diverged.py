"""Code that does something else when it is run again: what counts then, however often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import anyio
import anyio.lowlevel
import pytest

from rlm_runtime._events import (
    CodeExecuted,
    ModelRequested,
    ReplayDiverged,
    RunResumed,
)
from rlm_runtime._types import Message
from tests._engine.fakes import asked, repl
from tests._engine.resuming import MemoryTrace, Session, replied, session
from tests._engine.test_resume_anywhere import digest

pytestmark = pytest.mark.anyio

ROOT = [
    repl(
        "bg = llm_query('bg', recursive=False)\na = await llm_query('a', recursive=False)\n"
        "print(a, limits()['iterations'])",
        "b = [await llm_query('same', recursive=False) for _ in range(2)]\nprint(b)",
        "try:\n    await FINAL('no list')\nexcept Exception as e:\n    print('rejected')\n"
        "c = await llm_query('node c')\nprint(c, limits()['iterations'])",
    ),
    repl("print(await bg, await llm_query('same', recursive=False))", "print(limits()['depth'])"),
    repl("d = await llm_query('a', recursive=False)\nprint(d)"),
]


async def model(messages: Sequence[Message]) -> str:
    await anyio.lowlevel.checkpoint()
    query, said = asked(messages), sum(one.role == "assistant" for one in messages)
    if query == "root":
        return [*ROOT, repl(f"await FINAL(['{digest(messages)}'])")][said]
    if query.startswith("node"):
        return [repl("x = 1\nprint(x)"), repl("await FINAL(query + str(x))")][said]
    return f"({query})"


async def go_on(trace: MemoryTrace | None = None) -> Session:
    return await session(model, trace, output_type=list[str])


def differing(whole: Session, block: int) -> MemoryTrace:
    """Cut a run off before its last reply, and let a block of its root have printed more."""
    requests = (n for n, one in enumerate(whole.trace.events) if isinstance(one, ModelRequested))
    trace = whole.trace.cut(max(requests) + 1)
    blocks = [
        n
        for n, one in enumerate(trace.log)
        if isinstance(one, CodeExecuted) and one.node == 0 and one.completed
    ]
    event = trace.log[blocks[block]]
    assert isinstance(event, CodeExecuted)
    trace.log[blocks[block]] = replace(event, stdout=event.stdout + "\nand the time")
    return trace


def since_resumed(trace: MemoryTrace) -> MemoryTrace:
    """Leave out what came before the first session that was resumed."""
    first = next(n for n, one in enumerate(trace.log) if isinstance(one, RunResumed))
    return MemoryTrace(trace.log[first:])


@pytest.mark.parametrize("block", [0, 2, 4])
async def test_after_a_difference_a_run_can_be_cut_off_anywhere(block: int) -> None:
    whole = await go_on()
    before = differing(whole, block)
    second = await go_on(before.cut(before.next_seq))
    (diverged,) = (one for one in second.trace.events if isinstance(one, ReplayDiverged))
    assert second.answer is not None and diverged.node == 0
    for events in range(diverged.seq + 2, second.trace.next_seq + 1, 4):
        cut = second.trace.cut(events)
        paid = replied(since_resumed(cut))
        third = await go_on(cut)
        place = f"block {block}, after event {events}"
        assert third.error is None and third.answer == second.answer, place
        new = third.trace.events[events:]
        assert not [one for one in new if isinstance(one, ReplayDiverged)], place
        assert not paid + third.asked - second.asked, place
