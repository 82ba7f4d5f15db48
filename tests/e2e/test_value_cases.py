"""The shared table of values through a real sandbox, in both directions; one sandbox for all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rlm_runtime._sandbox.assets import Assets
from rlm_runtime._sandbox.base import SubCall
from rlm_runtime._sandbox.deno import DenoSandbox, open_deno_sandbox
from tests import value_cases
from tests.calls import FakeCalls, answer_of
from tests.value_cases import CONVERTED, EXACT, REFUSED, make, same

pytestmark = [pytest.mark.anyio, pytest.mark.deno]

# The table's own source gives the sandbox SETUP, make() and same()
TABLE = Path(value_cases.__file__).read_text()
SETUP = """
import sys, types
cases = sys.modules["value_cases"] = types.ModuleType("value_cases")
exec(context, cases.__dict__)
kept = []
def check(name, value):
    source = cases.EXACT[name]
    if not cases.same(value, cases.make(source)):
        raise AssertionError(f"{name}: got {value!r:.200}")
"""


class Table:
    """One sandbox, and what its code sent to the host."""

    def __init__(self) -> None:
        self.sent: object = None
        self.sandbox: DenoSandbox
        self.calls = FakeCalls(self.answer)

    async def answer(self, call: SubCall) -> object:
        """Keep what came, and send it back."""
        self.sent = call.context
        return call.context

    async def run(self, code: str) -> str | None:
        """Run code; return the last line of the traceback, if any."""
        error = (await self.sandbox.execute(code)).error
        return None if error is None else error.splitlines()[-1]


@pytest.fixture(scope="module")
async def table(assets: Assets) -> AsyncIterator[Table]:
    made = Table()
    async with open_deno_sandbox(assets, made.calls, memory_mb=512) as made.sandbox:
        await made.sandbox.assign("context", TABLE)
        assert await made.run(SETUP) is None
        yield made


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("form", ["await {}", "{}.result()"])
async def test_exact_values_cross_in_both_directions(table: Table, name: str, form: str) -> None:
    value = make(EXACT[name])
    await table.sandbox.assign("context", value)
    assert await table.run(f"check({name!r}, context)") is None
    table.sent = "nothing"
    call = form.format(f"llm_query('p', cases.make(cases.EXACT[{name!r}]))")
    code = f"check({name!r}, {call})"
    if value is None:
        # No context is what None means there, so it crosses in a list
        call = form.format("llm_query('p', [None])")
        code = f"assert {call} == [None]"
        value = [None]
    assert await table.run(code) is None
    assert same(table.sent, value)


@pytest.mark.parametrize("name", CONVERTED)
async def test_converted_values_arrive_as_what_stands_for_them(table: Table, name: str) -> None:
    table.sent = "nothing"
    assert (
        await table.run(f"await llm_query('p', cases.make(cases.CONVERTED[{name!r}][0]))") is None
    )
    assert same(table.sent, make(CONVERTED[name][1]))


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("form", ["FINAL({})", "await llm_query('p', {})"])
async def test_refused_values_raise_and_send_nothing(table: Table, name: str, form: str) -> None:
    before = len(table.calls.calls)
    # Freeing 100,000 levels overflows the stack of Pyodide, so all are kept
    code = f"kept.append(cases.make(cases.REFUSED[{name!r}][0]))\nfailed = 'no'"
    assert await table.run(code) is None
    code = f"try:\n {form.format('kept[-1]')}\nexcept TypeError as exc:\n failed = str(exc)"
    assert await table.run(code) is None
    said = (await table.sandbox.execute("print(failed)")).stdout
    place, _, reason = REFUSED[name][1].rpartition(": ")
    assert place.removeprefix("value") in said and reason in said
    assert len(table.calls.calls) == before and table.calls.answers == []


SHALLOW = [name for name in EXACT if "levels" not in name]


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("None", None),
        ("context", "\ud83d\ude00 \r\n\x00"),
        ("context", bytes(range(256))),
        (f"{{name: cases.make(cases.EXACT[name]) for name in {SHALLOW}}}", None),
    ],
    ids=["nothing", "text", "bytes", "all the others"],
)
async def test_answers_arrive_as_they_are(assets: Assets, code: str, value: object) -> None:
    if "cases" in code:
        value = {name: make(EXACT[name]) for name in SHALLOW}
    calls = FakeCalls()
    async with open_deno_sandbox(assets, calls, memory_mb=512) as sandbox:
        await sandbox.assign("context", TABLE)
        await sandbox.execute(SETUP)
        if code == "context":
            await sandbox.assign("context", value)
        assert same(await answer_of(sandbox, calls, f"FINAL({code})"), value)
