"""Whole runs: real sandboxes, and models that are policies."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import anyio
import psutil
import pytest

from rlm_runtime import RLM, Event, Limits, Message, RunResult
from rlm_runtime._context import load_context
from rlm_runtime._events import NodeEnded, NodeStarted, SandboxStarted
from rlm_runtime._llm.base import LLM
from rlm_runtime._llm.scripted import Policy
from rlm_runtime._paths import package_file
from rlm_runtime.examples import letter_counts, policies
from rlm_runtime.testing import ScriptedLLM, open_loopback_server
from tests._engine.fakes import asked, repl, script

pytestmark = [pytest.mark.anyio, pytest.mark.deno, pytest.mark.usefixtures("assets")]


@dataclass
class Ran:
    """A run that answered, and its events."""

    result: RunResult
    events: list[Event] = field(default_factory=list)

    @property
    def pids(self) -> list[int]:
        """The processes of its sandboxes, in the order of their starts."""
        return [event.pid for event in self.events if isinstance(event, SandboxStarted)]


async def answer(
    model: Policy | LLM | str,
    *,
    query: str = "root",
    context: object = "",
    limits: Limits | None = None,
    base_url: str | None = None,
    seconds: float = 18,
) -> Ran:
    """Run a query to its answer, and see that no process is left."""
    events: list[Event] = []
    if callable(model):
        model = ScriptedLLM(model)
    with anyio.fail_after(seconds):
        async with RLM(
            model, base_url=base_url, limits=limits, trace_dir=None, on_event=events.append
        ) as rlm:
            ran = Ran(await rlm.run(query, context=context), events)
    assert ran.pids
    assert not any(psutil.pid_exists(pid) for pid in ran.pids)
    return ran


async def test_letter_counts_are_composed_of_three_children() -> None:
    query = package_file("examples/letter_counts.txt").read_text()
    ran = await answer(policies()["letter_counts"], query=query, context=query)
    expected = {
        kind: {name: Counter(name.lower())["r"] for name in names.split()}
        for kind, names in letter_counts._NAMES.items()
    }
    assert ran.result.answer == expected
    assert [len(names) for names in expected.values()] == [50, 50, 50]
    assert (ran.result.nodes, len(set(ran.pids))) == (4, 4)


async def test_most_parameters_of_a_folder_over_http(tmp_path: Path) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "few.py").write_text("def f(a): pass\n")
    (tmp_path / "broken.py").write_text("def f(:\n")
    source = "\nclass C:\n    async def most(self, a, /, b, *rest, c=1, **more): pass\n"
    (tmp_path / "pkg" / "many.py").write_text(source)
    context = load_context([str(tmp_path)], stdin=io.BytesIO()).value
    async with open_loopback_server(policies()["most_parameters"]) as server:
        ran = await answer("any", base_url=server.base_url, context=context)
        assert server.stats.requests == 3
    assert ran.result.answer == {
        "file": "pkg/many.py",
        "name": "C.most",
        "line": 3,
        "parameters": 6,
    }


async def test_eight_children_are_in_flight_at_once_each_in_a_process_of_its_own() -> None:
    arrived: list[str] = []
    all_there = anyio.Event()

    async def policy(messages: Sequence[Message]) -> str:
        if asked(messages) == "root":
            return repl(
                "import asyncio",
                "FINAL(await asyncio.gather(*[llm_query(f'child {n}') for n in range(8)]))",
            )
        arrived.append(asked(messages))
        if len(arrived) == 8:
            all_there.set()
        # Were they asked one after the other, this would wait for ever
        await all_there.wait()
        return repl("FINAL(query[6:])")

    async with open_loopback_server(policy) as server:
        ran = await answer("any", base_url=server.base_url)
        assert server.stats.peak_in_flight == 8
    assert ran.result.answer == list("01234567")
    assert len(set(ran.pids)) == len(ran.pids) == 9


TREE = """
import asyncio
if len(context) == 3:
    FINAL([context])
found = await asyncio.gather(*[llm_query('tree', context + letter) for letter in LETTERS])
FINAL([leaf for leaves in found for leaf in leaves])
"""


@pytest.mark.parametrize(
    "letters", ["ab", pytest.param("abc", marks=[pytest.mark.slow, pytest.mark.timeout(120)])]
)
async def test_a_full_tree_ends_with_one_sandbox_at_each_depth(letters: str) -> None:
    policy = script({"tree": [repl(TREE.replace("LETTERS", repr(letters)))]})
    limits = Limits(max_depth=4, max_sandboxes=1)
    ran = await answer(policy, query="tree", limits=limits, seconds=50 if letters == "ab" else 100)
    assert ran.result.answer == [a + b + c for a in letters for b in letters for c in letters]
    assert ran.result.nodes == len(set(ran.pids)) == sum(len(letters) ** n for n in range(4))
    depths = {event.node: event.depth for event in ran.events if isinstance(event, NodeStarted)}
    live: Counter[int] = Counter()
    for event in ran.events:
        if isinstance(event, NodeStarted):
            live[event.depth] += 1
        elif isinstance(event, NodeEnded):
            live[depths[event.node]] -= 1
        assert max(live.values(), default=0) <= 1


async def test_large_values_pass_by_no_model() -> None:
    lines = [f"secret-{number:012}" for number in range(1_000_000)]
    context = "\n".join(lines)
    assert len(context) > 19_900_000
    replies = [repl("found = [line[::-1] for line in context.split()][::2]"), repl("FINAL(found)")]
    async with open_loopback_server(script({"root": replies})) as server:
        ran = await answer("any", base_url=server.base_url, context=context)
        sent = "".join(one.content for request in server.requests for one in request.messages)
        assert server.stats.requests == len(server.requests) == 2
        assert server.stats.longest_body < 50_000
    assert ran.result.answer == [line[::-1] for line in lines[::2]]
    assert "secret-" not in sent and "-terces" not in sent
    assert f"a str of {len(context):,} characters in 1,000,000 lines" in sent


ODD = """
from datetime import UTC, date, datetime
from decimal import Decimal
odd = {
    "set": {1, 2}, "frozen": frozenset({(1, "a")}), "bytes": b"\\x00\\xff", "tuple": (1, (), [2]),
    "date": date(2026, 1, 2), "time": datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
    "decimal": Decimal("1.10"), 7: 2**200, None: 1 + 2j, (1, b"k"): "\\ud800\\r\\n",
}
"""


async def test_a_child_s_answer_of_odd_types_arrives_exactly() -> None:
    replies = {
        "root": [
            repl(ODD, "got = await llm_query('child')", "FINAL((repr(got) == repr(odd), got))")
        ],
        "child": [repl(ODD, "FINAL(odd)")],
    }
    same, got = (await answer(script(replies))).result.answer
    assert same is True
    assert repr(got) == repr(
        {
            "set": {1, 2},
            "frozen": frozenset({(1, "a")}),
            "bytes": b"\x00\xff",
            "tuple": (1, (), [2]),
            "date": date(2026, 1, 2),
            "time": datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
            "decimal": Decimal("1.10"),
            7: 2**200,
            None: 1 + 2j,
            (1, b"k"): "\ud800\r\n",
        }
    )


async def test_a_failing_child_is_an_error_in_the_parent_s_code() -> None:
    code = """
try:
    await llm_query('child')
except LLMQueryError as error:
    FINAL([str(error), error.stop_reason, error.partial])
"""
    ran = await answer(script({"root": [repl(code)], "child": ["I think 7."] * 3}))
    message, stop_reason, partial = ran.result.answer
    assert message.startswith("Stopped without an answer: 3 replies in a row")
    assert (stop_reason, partial) == ("no_answer", "I think 7.")


async def test_what_the_prompts_promise_of_limits_is_there() -> None:
    limits = Limits(max_calls=9, max_seconds=60)
    ran = await answer(script({"root": [repl("FINAL(limits())")]}), limits=limits)
    left = ran.result.answer
    assert left["calls"] == 8 and left["depth"] == 2 and 0 < left["seconds"] < 60
