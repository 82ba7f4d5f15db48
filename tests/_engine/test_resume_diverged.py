"""Code that does something else when it is run again: what counts then, however often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import anyio
import anyio.lowlevel
import pytest

from rlm_runtime._engine.past_reading import read_past
from rlm_runtime._events import (
    CodeExecuted,
    ModelRequested,
    ReplayDiverged,
    RunResumed,
)
from rlm_runtime._types import Message
from tests._engine.fakes import asked, repl
from tests._engine.resuming import MemoryTrace, Session, replied, session
from tests._engine.test_resume import until
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


async def answer(session_number: int, messages: Sequence[Message]) -> str:
    await anyio.lowlevel.checkpoint()
    query, said = asked(messages), sum(one.role == "assistant" for one in messages)
    if query == "root":
        return [*ROOT, repl(f"await FINAL(['{digest(messages)}'])")][said]
    if query.startswith("node"):
        return [repl("x = 1\nprint(x)"), repl("await FINAL(query + str(x))")][said]
    # It shows who has asked: what was forgotten is not given any more
    return f"({query}, {session_number})"


async def go_on(number: int, trace: MemoryTrace | None = None) -> Session:
    return await session(partial(answer, number), trace, output_type=list[str])


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
    whole = await go_on(1)
    before = differing(whole, block)
    second = await go_on(2, before.cut(before.next_seq))
    (diverged,) = (one for one in second.trace.events if isinstance(one, ReplayDiverged))
    assert second.answer is not None and diverged.node == 0
    past = read_past(second.trace.events)
    assert past is not None and past.root is not None
    first = past.root.iterations[1]
    assert (len(first.told), len(first.rejections)) == (2, 1)
    for events in range(diverged.seq + 2, second.trace.next_seq + 1, 4):
        cut = second.trace.cut(events)
        paid = replied(since_resumed(cut))
        third = await go_on(2, cut)
        place = f"block {block}, after event {events}"
        assert third.error is None and third.answer == second.answer, place
        new = third.trace.events[events:]
        assert not [one for one in new if isinstance(one, ReplayDiverged)], place
        assert not paid + third.asked - second.asked, place


NOW = [1]
"""The time, which code sees."""

TIMED = """
from tests._engine.test_resume_diverged import NOW
k = await llm_query('k', recursive=False)
t = await llm_query(f'time {NOW[0]}', recursive=False)
print(t)
"""


async def go_on_at(now: int, trace: MemoryTrace | None = None) -> Session:
    replies = [repl(TIMED), repl("k2 = await llm_query('k', recursive=False)")]
    replies.append(repl("await FINAL([k, t, k2])"))

    def policy(messages: Sequence[Message]) -> str:
        said = sum(one.role == "assistant" for one in messages)
        return replies[said] if asked(messages) == "root" else f"({asked(messages)})"

    NOW[0] = now
    return await session(policy, trace)


@pytest.mark.parametrize("block", [1, 2])
async def test_what_code_asks_that_went_another_way_is_asked_once(block: int) -> None:
    whole = await go_on_at(1)
    assert whole.answer == ["(k)", "(time 1)", "(k)"]
    second = await go_on_at(2, until(whole.trace, CodeExecuted, block))
    # Nothing that is on record is given to a question that it was not the answer to
    assert second.answer == ["(k)", "(time 2)", "(k)"]
    assert second.asked.total() == 4
    ended = [n for n, one in enumerate(second.trace.events, 1) if isinstance(one, ReplayDiverged)]
    third = await go_on_at(2, second.trace.cut(ended[0] + 1))
    assert third.answer == second.answer and third.asked.total() == 3
    assert sum(isinstance(one, ReplayDiverged) for one in third.trace.events) == 1
