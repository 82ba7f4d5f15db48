"""A run that is cut off after any event goes on to the same answer, and pays nothing twice."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence

import anyio
import pytest

from rlm_runtime._engine.keys import comparable
from rlm_runtime._engine.tools import Tools
from rlm_runtime._events import ModelRequested, ReplayDiverged, ToolReturned
from rlm_runtime._limits import Limits
from rlm_runtime._tools.function import Tool
from rlm_runtime._types import Message
from tests._engine.fakes import asked, repl
from tests._engine.resuming import MemoryTrace, Session, replied, session

pytestmark = pytest.mark.anyio

SCHEMA = {"type": "array", "items": {"type": "string"}}
LIMITS = Limits(max_depth=3)

ROOT = [
    repl(
        "import asyncio\nbg = llm_query('background', {'of': ['it']})\n"
        "parts = await asyncio.gather(*[llm_query(f'part {n}') for n in range(2)])\n"
        "print(parts, limits()['iterations'])",
        "print(await add(1, b=2))",
    ),
    "Let me think about that.",
    repl(
        "order = []\n"
        "words = [llm_query(f'word {n}', recursive=False) for n in 'ab']\n"
        "for one in asyncio.as_completed(words):\n"
        "    order.append(await one)\n"
        "    order.append(await llm_query(f'more of {order[-1]}', recursive=False))\n"
        "print(order)",
        "await FINAL('no list')",
        "print(parts)",
    ),
    repl(
        "try:\n    await asyncio.wait_for(llm_query('stuck'), 0.03)\n"
        "except asyncio.TimeoutError:\n    print('too late')\nawait sleep(0.01)\n"
        "print(await bg)",
    ),
    repl("x = 1\nprint(await llm_query('before', recursive=False))", "lose('It is gone')"),
    repl(
        "import asyncio\n"
        "pairs = await asyncio.gather(llm_query('part 0'), llm_query('before', recursive=False))\n"
        "late = llm_query('late', recursive=False)\nprint(pairs)",
    ),
    repl("print(await late, await add(3))"),
]
NODE = [
    repl(
        "import asyncio\n"
        "a, b = await asyncio.gather(llm_query('deep ' + query), llm_query('deep same'))\n"
        "print(a, b)"
    ),
    repl("await FINAL([query, a, b])"),
]
DEEP = [
    repl("r = await llm_query('leaf of ' + query)\nprint(r)"),
    repl("await FINAL(r + str(limits()['depth']))"),
]


def digest(messages: Sequence[Message]) -> str:
    texts = [comparable(one, at) for at, one in enumerate(messages)]
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:8]


class Model:
    """Answers after a moment that differs each time; what it says depends on all it was told."""

    def __init__(self, seed: int = 0, root: int = 0) -> None:
        self._random = random.Random(seed)
        self._root = root
        """How many replies the root has."""
        self._news = anyio.Event()

    async def __call__(self, messages: Sequence[Message]) -> str:
        await anyio.sleep(self._random.random() * 0.004)
        query, said = asked(messages), sum(one.role == "assistant" for one in messages)
        if query == "stuck":
            await anyio.sleep_forever()
        # What is left pending stays so until the root has seen it
        while self._root < {"background": 3, "late": 6}.get(query, 0):
            await self._news.wait()
        if query == "word b":
            await anyio.sleep(0.02)
        if query == "root":
            self._root = max(said, self._root)
            self._news.set()
            self._news = anyio.Event()
        if query == "root":
            # The answer tells of the whole history
            return [*ROOT, repl(f"await FINAL(['{digest(messages)}'])")][said]
        if query.startswith(("part", "background")):
            return NODE[said]
        if query.startswith("deep"):
            return DEEP[said]
        return f"({query}: {digest(messages)})"


async def add(a: int, b: int = 0) -> int:
    """Add two numbers."""
    CALLED.append((a, b))
    return a + b


CALLED: list[tuple[int, int]] = []
TOOLS = Tools(root={"add": Tool(add)})


async def go_on(trace: MemoryTrace, *, seed: int = 0, interrupt: int | None = None) -> Session:
    return await session(
        Model(seed, replies_to_root(trace)),
        trace,
        output_type=SCHEMA,
        limits=LIMITS,
        tools=TOOLS,
        interrupt_after=interrupt,
    )


def replies_to_root(trace: MemoryTrace) -> int:
    """Count the replies that the newest request of the root knows of."""
    requests = (one for one in trace.events if isinstance(one, ModelRequested) and one.node == 0)
    return max((one.iteration - 1 for one in requests if one.iteration), default=0)


async def check_resumed(whole: Session, trace: MemoryTrace, *, seed: int) -> None:
    """Go on with a part of a run, and see that it comes to the same and asks nothing again."""
    before, tools = replied(trace), len(CALLED)
    resumed = await go_on(trace, seed=seed)
    place = f"after event {trace.next_seq}"
    assert resumed.error is None, place
    assert resumed.answer == whole.answer, place
    assert not [one for one in trace.events if isinstance(one, ReplayDiverged)], place
    assert not before + resumed.asked - whole.asked, place
    returned = sum(isinstance(one, ToolReturned) for one in trace.events)
    assert (returned, len(CALLED) - tools <= 2) == (2, True), place


async def test_after_some_events() -> None:
    whole = await go_on(MemoryTrace())
    for events in range(1, len(whole.trace.events) + 1, 11):
        await check_resumed(whole, whole.trace.cut(events), seed=events)


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_after_any_event() -> None:
    whole = await go_on(MemoryTrace())
    for events in range(1, len(whole.trace.events) + 1):
        await check_resumed(whole, whole.trace.cut(events), seed=events)


async def stop_again_and_again(whole: Session, seed: int) -> None:
    """Kill or interrupt a run several times, whatever it is at, and go on each time."""
    chance = random.Random(seed)
    trace = (await go_on(MemoryTrace(), seed=seed, interrupt=chance.randrange(2, 330))).trace
    for _ in range(chance.randrange(4)):
        before = trace.next_seq
        interrupt = chance.choice([None, chance.randrange(1, 200)])
        trace = (await go_on(trace, seed=chance.randrange(1000), interrupt=interrupt)).trace
        if interrupt is None:
            trace = trace.cut(chance.randrange(before, trace.next_seq + 1))
    await check_resumed(whole, trace, seed=seed)


async def test_several_times() -> None:
    whole = await go_on(MemoryTrace())
    for seed in range(8):
        await stop_again_and_again(whole, seed)


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_several_times_at_length() -> None:
    whole = await go_on(MemoryTrace())
    for seed in range(8, 300):
        await stop_again_and_again(whole, seed)
