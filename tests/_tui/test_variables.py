from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rlm_runtime._events import (
    CodeExecuted,
    CodeStarted,
    Event,
    ModelRequested,
    ReplayDiverged,
    ToolCalled,
)
from rlm_runtime._tui.details.assigned import MOST_CODE, assigned_names
from rlm_runtime._tui.details.document import Table, Words
from rlm_runtime._tui.details.moment import Moment
from rlm_runtime._tui.details.variables import Variables, find_variables
from rlm_runtime._tui.details.variables_page import VARIABLES
from rlm_runtime._tui.record.record import Record
from rlm_runtime._tui.view import View
from tests._cli.events import node_started, run_started
from tests._tui.viewing import open_viewer, record_of, screen_text, settle, write
from tests.hostile_text import ALL


def names(code: str) -> dict[str, tuple[int, bool]]:
    found = assigned_names(code)
    assert found is not None
    return {name: (one.line, one.is_deleted) for name, one in found.items()}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("a = b = 1", {"a", "b"}),
        ("a, (b, *c) = x", {"a", "b", "c"}),
        ("a += 1", {"a"}),
        ("a: int = 1\nb: int", {"a"}),
        ("def f(x):\n    y = 1\nasync def g(): z = 1", {"f", "g"}),
        ("class C:\n    a = 1", {"C"}),
        (
            "import os.path, sys as s\nfrom json import loads as l, dumps\nfrom x import *",
            {"os", "s", "l", "dumps"},
        ),
        ("for i in x:\n    if i:\n        j = i", {"i", "j"}),
        ("with open(p) as f, g() as (h, k): pass", {"f", "h", "k"}),
        ("if (n := len(a)) > 3: pass", {"n"}),
        ("a = [(m := i) for i in range(3) if (q := i)]", {"a", "m", "q"}),
        ("f = lambda x: (y := x)", {"f"}),
        (
            "match x:\n    case {'k': v, **rest}: pass\n    case [a, *b] as c: pass",
            {"v", "rest", "a", "b", "c"},
        ),
        ("a.b = 1\nc[0] = 2\nprint(d)", set()),
        ("try:\n    t = 1\nexcept E as e:\n    u = 2\nfinally:\n    w = 3", {"t", "u", "w"}),
        ("r = await llm_query('x')", {"r"}),
    ],
)
def test_names_are_found_by_the_syntax(code: str, expected: set[str]) -> None:
    assert set(names(code)) == expected


def test_the_last_that_is_done_to_a_name_counts() -> None:
    assert names("a = 1\ndel a\nb = 1\nb = 2") == {"a": (2, True), "b": (4, False)}


@pytest.mark.parametrize(
    "code", ["a =", "\0", "(" * 5000, "-" * 15_000 + "1", "x" * MOST_CODE + "=1"]
)
def test_code_that_cannot_be_read_tells_of_nothing(code: str) -> None:
    assert assigned_names(code) is None


def asked(call: int, iteration: int) -> Event:
    return ModelRequested(node=0, call=call, model="m", iteration=iteration, messages=())


def block(
    iteration: int, code: str, *variables: str, number: int = 0, error: str | None = None
) -> tuple[Event, Event]:
    """Make the events of a block that left these variables, each as `name` or `name=value`."""
    pairs = [one.partition("=") for one in variables]
    ran = CodeExecuted(
        node=0,
        iteration=iteration,
        stdout="",
        stderr="",
        error=error,
        pending=(),
        seconds=0.1,
        block=number,
        variables=tuple(pair[0] for pair in pairs),
        values=tuple(pair[2] for pair in pairs) if any(pair[1] for pair in pairs) else (),
    )
    return CodeStarted(node=0, iteration=iteration, code=code, block=number), ran


def called(call: int) -> Event:
    return ToolCalled(node=0, call=call, tool="grep", arguments="")


def made(*events: Event) -> Record:
    return record_of(run_started(), node_started(0), *events)


def found_in(record: Record, position: int | None = None) -> Variables:
    return find_variables(record, record.roots[0], record.last if position is None else position)


def told(found: Variables) -> list[tuple[str, str, str, str]]:
    return [(one.change, one.name, one.value, one.line) for one in found.changed]


STEPS = (
    *(asked(0, 1), *block(1, "a = 1\nb = [a]\nc = 3", "a=1", "b=list, 1", "c=3")),
    *(
        asked(1, 2),
        *block(2, "a = 2\nb.append(4)\ndel c\nd = 5", "a=2", "b=list, 2", "d=5"),
    ),
    *(asked(2, 3), *block(3, "d = 5", "a=2", "b=list, 2", "d=5")),
)


def test_what_an_iteration_changed_is_told() -> None:
    found = found_in(made(*STEPS), 7)
    assert told(found) == [
        ("assigned", "a", "2", "a = 2"),
        ("assigned", "b", "list, 2", ""),
        ("deleted", "c", "3", "del c"),
        ("new", "d", "5", "d = 5"),
    ]
    assert [one.before for one in found.changed] == ["1", "list, 1", "", ""]
    assert found.kept == []


def test_what_is_kept_names_the_line_that_assigned_it() -> None:
    found = found_in(made(*STEPS))
    assert told(found) == [("assigned", "d", "5", "d = 5")]
    kept = [(one.name, one.iteration, one.line) for one in found.kept]
    assert kept == [("a", 2, "a = 2"), ("b", 1, "b = [a]")]


def test_nothing_of_what_comes_later_shows() -> None:
    record = made(*STEPS)
    assert [one.name for one in found_in(record, 4).changed] == ["a", "b", "c"]
    running = found_in(record, 6)
    assert (running.changed, running.running) == ([], ("a", "d"))
    assert [one.name for one in running.kept] == ["a", "b", "c"]


def test_code_that_calls_a_tool_often_is_found() -> None:
    (started, ran), tool = block(1, "a = 1", "a=1"), called(0)
    record = made(asked(0, 1), started, *[tool] * 1500, ran)
    assert told(found_in(record)) == [("new", "a", "1", "a = 1")]
    running = found_in(made(asked(0, 1), started, *[tool] * 1500))
    assert running.running == ("a",)


def test_only_so_many_events_are_looked_through() -> None:
    started, ran = block(1, "a = 1", "a=1")
    record = made(asked(0, 1), started, ran, *[called(0)] * 20_000)
    assert found_in(record).changed == []


def test_what_a_node_did_after_it_diverged_is_not_there() -> None:
    diverged = ReplayDiverged(node=0, iteration=1, block=0, reason="time")
    record = made(*STEPS, diverged, block(1, "", "a=7", "b=list, 1")[1])
    anew = found_in(record, record.last - 1)
    assert (anew.changed, anew.kept, anew.running) == ([], [], ("a", "b", "c"))
    assert [(one.name, one.value) for one in found_in(record).changed] == [
        ("a", "7"),
        ("b", "list, 1"),
    ]


def test_a_trace_without_values_tells_of_names() -> None:
    record = made(asked(0, 1), *block(1, "a = 1", "a"))
    found = found_in(record)
    assert told(found) == [("new", "a", "", "a = 1")]
    assert not found.has_values
    page = VARIABLES.make(moment(record))
    assert any(isinstance(one, Words) and "not on record" in one.text for one in page.blocks)


def test_a_forged_count_of_values_is_no_problem() -> None:
    started, ran = block(1, "a = 1", "a=1", "b=2")
    assert isinstance(ran, CodeExecuted)
    for values in (("1",), ("1", "2", "3")):
        record = made(asked(0, 1), started, replace(ran, values=values))
        assert [one.name for one in found_in(record).changed] == ["a", "b"]


def test_only_so_much_code_is_read() -> None:
    long = "x = 1\n" + "# filler\n" * 1500
    early = [*block(1, "first = 1", "first")]
    for iteration in range(2, 6):
        early += block(iteration, long, "first", "x")
    record = made(
        *(asked(0, 1), *early[:2]),
        *(asked(1, 2), *early[2:]),
        *(asked(2, 9), *block(9, "y = 1", "first", "x", "y")),
    )
    assert [(one.name, one.iteration) for one in found_in(record).kept] == [("first", 0), ("x", 5)]


def test_what_the_last_code_assigns_is_told_though_the_node_ended_in_it() -> None:
    started, ran = block(2, "b = 2\nFINAL(b)")
    assert isinstance(ran, CodeExecuted)
    last = replace(ran, completed=False)
    record = made(asked(0, 1), *block(1, "a = 1", "a=1"), asked(1, 2), started, last)
    found = found_in(record)
    assert (found.changed, found.ended) == ([], ("b",))
    assert [(one.name, one.value) for one in found.kept] == [("a", "1")]
    page = VARIABLES.make(moment(record))
    assert any(isinstance(one, Words) and "assigns b" in one.text for one in page.blocks)


def moment(record: Record) -> Moment:
    view = View(record=record, position=record.last, entry=record.roots[0])
    return Moment(view, record.roots[0])


def test_the_page_shows_changes_by_sign_and_word() -> None:
    record = made(*STEPS[:6])
    page = VARIABLES.make(moment(record))
    assert VARIABLES.has_news(moment(record))
    table = next(one for one in page.blocks if isinstance(one, Table))
    signs = [row[0][0] for row in table.rows]
    assert signs == ["~ changed", "~ changed", "− deleted", "+ new"]
    assert page.main == "a = 2\nb = list, 2\nd = 5"


def test_the_page_of_a_node_without_code_says_so() -> None:
    record = made()
    page = VARIABLES.make(moment(record))
    assert not VARIABLES.has_news(moment(record))
    assert any(isinstance(one, Words) and "no variable" in one.text for one in page.blocks)


def test_hostile_names_and_code_are_taken_as_they_are() -> None:
    record = made(asked(0, 1), *block(1, ALL, ALL, f"{ALL}={ALL}"))
    assert VARIABLES.make(moment(record)).main


@pytest.mark.anyio
async def test_a_key_shows_the_page(tmp_path: Path) -> None:
    path = await write(tmp_path, run_started(), node_started(0), *STEPS)
    async with open_viewer(path, size=(120, 40)) as pilot:
        await pilot.press("9")
        await settle(pilot)
        screen = screen_text(pilot)
        assert "~ changed" in screen and "From before" in screen
        await pilot.press(*["left"] * 3)
        await settle(pilot)
        assert "− deleted" in screen_text(pilot)
