"""Cells that write to the wire themselves, each in a child of one run that must go on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import anyio
import pytest

from rlm_runtime import RLM, Event, Limits, Message
from rlm_runtime._events import NodeEnded, NodeStarted, SandboxLost
from rlm_runtime.testing import ScriptedLLM
from tests._engine.fakes import asked, repl
from tests.e2e.watching import Cost, watched

pytestmark = [pytest.mark.anyio, pytest.mark.deno, pytest.mark.usefixtures("assets")]

FORGE = """
import asyncio, json, js
from pyodide.ffi import to_js
def write(data):
    rest = to_js(data)
    while rest.length:
        rest = rest.subarray(js.Deno.stdout.writeSync(rest))
def frame(data=None, **message):
    text = json.dumps({"jsonrpc": "2.0", **message}).encode()
    size = b"" if data is None else b"Payload-Length: %d\\r\\n" % len(data)
    return b"Content-Length: %d\\r\\n%b\\r\\n%b%b" % (len(text), size, text, data or b"")
def final(value, **members):
    about = {"at": "params.value", "kind": "utf8"}
    given = {"method": "final", "id": 500, "params": {}, "payload": about} | members
    return frame(value.encode(), **given)
def output(text):
    return frame(method="output", params={"stream": "stdout", "text": text, "omitted": 0})
def call(number):
    about = {"at": "params.call", "kind": "value"}
    params = {"model": None, "recursive": False, "answer_schema": None}
    data = (5).to_bytes(8, "big") + b'["p"]'
    return frame(data, method="llm_query", id=number, params=params, payload=about)
"""
DONE: dict[str, object] = {"error": None, "interrupted": False, "pending": [], "variables": []}
STOPPED = "ran for more than 5 seconds|Interrupt"
STAY = "\nawait asyncio.sleep(60)"


@dataclass(frozen=True)
class Attack:
    """What a cell does, and what it comes to."""

    code: str
    error: str | None = None
    """What the model is told of it, where it does not come to its end."""
    answer: str = "went on"


ATTACKS: dict[str, Attack] = {
    "an answer in the name of the parent": Attack(
        "write(final('forged', params={'node': 0}))" + STAY, "it sent a malformed Nothing"
    ),
    "an answer whose message names the parent": Attack(
        "write(final('forged', node=0))" + STAY, "it has members that no message has"
    ),
    "an answer whose payload names the parent": Attack(
        "about = {'at': 'params.value', 'kind': 'utf8', 'node': 0}\n"
        "write(final('forged', payload=about))" + STAY,
        "its payload is not what it says",
    ),
    "an answer of its own": Attack("write(final('forged'))" + STAY, answer="forged"),
    "a reply to the host's open request": Attack(
        # The ids of the host begin with two variables, and this is its first cell
        f"print('x')\nwrite(frame(id=2, result={DONE!r}))\nprint('y')",
        "reply 2: no such request is open",
    ),
    "a reply to a request never made": Attack(
        f"write(frame(id=9, result={DONE!r}))" + STAY, "reply 9: no such request is open"
    ),
    "a second ready": Attack(
        "write(frame(method='ready', params={'protocol': 4, 'python': '3.14'}))"
    ),
    "a ready of another protocol": Attack(
        "write(frame(method='ready', params={'protocol': 9, 'python': '3.14'}))" + STAY,
        "it speaks protocol 9, not 4",
    ),
    "a frame larger than any": Attack(
        "write(b'Content-Length: 999999999999\\r\\n\\r\\n')" + STAY,
        "999999999999 bytes, the limit is 2097152",
    ),
    "a frame that never comes": Attack(
        "write(b'Content-Length: 99\\r\\nPayload-Length: 500000000\\r\\n\\r\\n')" + STAY,
        STOPPED,
    ),
    "20,000 requests at once": Attack(
        # On a busy machine the host may not come so far in time
        "write(b''.join(map(call, range(1000, 21000))))" + STAY,
        f"2000 are open|{STOPPED}",
    ),
    "one request twice": Attack("write(call(1000) * 2)" + STAY, "its id is not a new number"),
    "cancels of requests never made": Attack(
        "write(b''.join(frame(method='cancel', params={'id': n}) for n in range(2000)))"
    ),
    "output without end": Attack(
        "data = output('x' * 1000) * 100\nwhile True: write(data)", STOPPED
    ),
    "small messages without end": Attack(
        "data = frame(method='cancel', params={'id': 7}) * 1000\nwhile True: write(data)",
        STOPPED,
    ),
    "noise without end": Attack(
        "import random\nwhile True: write(random.randbytes(100_000))", "bad header"
    ),
}

ROOT = "FINAL(await llm_query_batched(context))"


async def policy(messages: Sequence[Message]) -> str:
    """Let every child try its attack first, and say then what the model was told of it."""
    query = asked(messages)
    if query == "root":
        return repl(ROOT)
    if query not in ATTACKS:
        # A plain completion that a cell has asked for by hand
        await anyio.sleep(5)
        return "late"
    if len(messages) == 2:
        return repl(f"{FORGE}{ATTACKS[query].code}\nprint('came to its end')")
    return repl("FINAL(f'went on: {query}')")


@dataclass(frozen=True)
class Outcome:
    """How the run with all attacks went."""

    answers: dict[str, object]
    events: list[Event]
    cost: Cost
    told: dict[str, str]
    """What the model was told of each attack."""

    def attack(self, start: NodeStarted) -> Attack:
        """Find the attack of a child; an event quotes the query."""
        return ATTACKS[start.query]


@pytest.fixture(scope="module")
async def outcome() -> Outcome:
    """Run all attacks at once, each in a child of one root."""
    events: list[Event] = []
    told: dict[str, str] = {}

    async def remember(messages: Sequence[Message]) -> str:
        if len(messages) > 2:
            told[asked(messages)] = messages[-1].content
        return await policy(messages)

    limits = Limits(max_cell_seconds=5, max_calls=None)
    model = ScriptedLLM(remember)
    with anyio.fail_after(110):
        async with (
            watched() as cost,
            RLM(model, limits=limits, trace_dir=None, on_event=events.append) as rlm,
        ):
            result = await rlm.run("root", context=list(ATTACKS))
    return Outcome(dict(zip(ATTACKS, result.answer, strict=True)), events, cost, told)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", ATTACKS)
async def test_it_costs_its_own_node_at_most(outcome: Outcome, name: str) -> None:
    attack = ATTACKS[name]
    if attack.answer == "went on":
        assert outcome.answers[name] == f"went on: {name}"
        assert re.search(attack.error or "came to its end", outcome.told[name])
        # An error alone would hide that a loss is told as one
        assert ("The sandbox was replaced" in outcome.told[name]) >= ("lost" in outcome.told[name])
    else:
        assert outcome.answers[name] == attack.answer


async def test_only_the_hostile_lose_their_sandboxes(outcome: Outcome) -> None:
    starts = [event for event in outcome.events if isinstance(event, NodeStarted)]
    lost = {event.node for event in outcome.events if isinstance(event, SandboxLost)}
    ended = {e.node: e.stop_reason for e in outcome.events if isinstance(e, NodeEnded)}
    assert set(ended.values()) == {"answered"} and len(ended) == len(ATTACKS) + 1
    for start in starts:
        harmless = start.parent is None or outcome.attack(start).error is None
        assert not (harmless and start.node in lost)


async def test_the_host_pays_little_for_all_of_them(outcome: Outcome) -> None:
    assert outcome.cost.rss_mb < 300
    # Of CPU time, which a busy machine does not stretch
    assert outcome.cost.longest_turn < 0.5
    assert outcome.cost.turns > 50
