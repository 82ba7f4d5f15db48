from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from benchmarks._synthetic_run import synthetic_events
from rlm_runtime._events import (
    Event,
    ModeChosen,
    NodeRebuilt,
    RunForked,
    RunResumed,
    RunStarted,
)
from rlm_runtime._tui.record.node_counts import NodeCounts
from rlm_runtime._tui.record.record import Record
from rlm_runtime._tui.run_line import GAP, Part, fit, tell_run
from rlm_runtime._tui.view import View
from tests._cli.events import (
    attempt_started,
    node_ended,
    node_started,
    replied,
    requested,
    resumed,
    run_ended,
    run_started,
)
from tests._cli.test_any_events import EVENTS
from tests._tui.made_up import runs
from tests._tui.viewing import open_viewer, screen_text, settle, viewer_of, write
from tests.hostile_text import ALL, OBEYED


def _tell(*events: Event, position: int | None = None, **about: Any) -> str:
    record = Record()
    for event in events:
        record.add(event)
    at = record.last if position is None else position
    about = {"state": "still"} | about
    view = View(record=record, position=at, entry=None, **about)
    return " | ".join(part.text for part in tell_run(view, NodeCounts(record)))


def _resumed(model: str = "other", at: float = 0, **limits: float | None) -> RunResumed:
    return RunResumed(
        version="1", model=model, sub_model="", limits=dict(limits), spent_seconds=1, mono=at
    )


def _forked(parent: str = "parent") -> RunForked:
    return RunForked(run="child", parent=parent, node=0, iteration=1, say="")


def test_a_whole_run_is_told_in_one_line() -> None:
    line = _tell(*synthetic_events(8))
    assert line.startswith("20260102-030405-0123abcd | ✓ answered | 36.6 s | $")
    for part in (" of $25.00", " errors", "8 nodes", " calls", "k tokens", "openai/gpt-5"):
        assert part in line


def test_the_line_is_that_of_the_moment() -> None:
    events = [
        run_started(),
        node_started(0),
        requested(0, 0),
        replied(0, 0, cost=0.25),
        node_ended(0),
        run_ended(),
    ]
    lines = [_tell(*events, position=at) for at in range(-1, 6)]
    assert ["1 node, 1 running" in line for line in lines] == [False] * 2 + [True] * 3 + [False] * 2
    assert ["$0.250" in line for line in lines] == [False] * 4 + [True] * 2 + [False]
    assert ["$0.500" in line for line in lines] == [False] * 6 + [True]
    assert ["answered" in line for line in lines] == [False] * 6 + [True]
    assert "0 nodes | 0 calls | 0 tokens" in lines[0]


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("answered", "✓ answered"),
        ("max_cost", "■ stopped by max_cost"),
        ("no_answer", "■ stopped by no_answer"),
        ("model_error", "✗ model_error"),
        ("interrupted", "‖ interrupted"),
    ],
)
def test_why_a_run_ended_is_told(reason: Any, told: str) -> None:
    assert told in _tell(run_started(), replace(run_ended(), stop_reason=reason))


def test_a_run_that_nobody_writes_any_more_has_crashed() -> None:
    events = [run_started(), node_started(0), node_started(1, 0)]
    assert "☠ crashed" in _tell(*events)
    assert "2 nodes, 2 crashed" in _tell(*events)
    assert "▶ running" in _tell(*events, position=1)
    assert "▶ running" in _tell(*events, state="growing")


def test_damage_is_told_whatever_the_moment() -> None:
    events = [run_started(), node_started(0)]
    assert "▶ running | ✗ damaged" in _tell(*events, position=0, damage="bad")
    at_end = _tell(*events, damage="bad")
    assert "✗ damaged" in at_end and "☠" not in at_end
    assert "✓ answered | ✗ damaged" in _tell(*events, run_ended(), damage="bad")


def test_reading_is_told_as_long_as_much_is_left() -> None:
    events = [run_started()]
    assert "… reading 40%" in _tell(*events, state="reading", part_read=0.4)
    assert "▶ running" in _tell(*events, state="reading", part_read=0.999)


def test_the_limit_of_cost_is_that_of_the_session() -> None:
    events = [
        replace(run_started(), limits={"max_cost": 2.0}),
        _resumed(max_cost=5.0),
        _resumed(max_cost=None),
    ]
    lines = [_tell(*events, position=at) for at in range(3)]
    assert ["of $2.00" in line for line in lines] == [True, False, False]
    assert ["of $5.00" in line for line in lines] == [False, True, False]


@pytest.mark.parametrize("limit", ["x", True, float("nan"), float("inf"), -1, None, [2]])
def test_a_forged_limit_is_left_out(limit: Any) -> None:
    assert " of " not in _tell(replace(run_started(), limits={"max_cost": limit}))


def test_what_a_crash_cut_off_counts_as_the_run_says_at_its_end() -> None:
    events = [
        run_started(),
        node_started(0),
        requested(0, 0),
        attempt_started(0, 0),
        resumed(),
        requested(0, 1),
        replied(0, 1, cost=0.25),
        run_ended(),
    ]
    assert "1 call | 1.2k tokens" in _tell(*events[:-1])
    # Its own account has the call in it of whose end there is no event
    assert "$0.5000" in _tell(*events) and "2 calls | 2.4k tokens" in _tell(*events)
    assert "$0.2500" in _tell(*events[:-1], replace(run_ended(), cost=0.1, calls=0))
    assert "$0.250+" in _tell(*events[:-1], replace(run_ended(), cost=None))


def test_a_cost_that_is_not_known_is_told() -> None:
    events = [run_started(), node_started(0), requested(0, 0), replied(0, 0, cost=None)]
    assert "cost unknown" in _tell(*events)


def test_resumed_and_forked_runs_say_so() -> None:
    start = [run_started(), node_started(0)]
    assert "resumed" not in _tell(*start)
    assert _tell(*start, _resumed("big")).endswith(
        "1 node, 1 crashed | 0 calls | 0 tokens | big | resumed"
    )
    assert _tell(*start, _resumed(), _resumed()).endswith("resumed 2×")
    assert _tell(*start, _forked(), _resumed()).endswith("forked from parent")
    assert _tell(*start, _forked(), _resumed(), _resumed()).endswith("forked from parent | resumed")
    assert "forked" not in _tell(*start, _forked(), _resumed(), position=1)


def test_a_run_with_any_number_of_sessions_is_told_in_the_same_time() -> None:
    events = [run_started(), _forked("lost"), *[_resumed(str(n)) for n in range(1000)]]
    assert _tell(*events).endswith("999 | resumed many times")
    assert "lost" not in _tell(*events)


def test_a_direct_run_says_so() -> None:
    events = [run_started(), ModeChosen(mode="direct", reason="short")]
    assert "direct" in _tell(*events)
    assert "direct" not in _tell(*events, position=0)


def test_a_mode_that_comes_late_is_not_looked_for() -> None:
    events = [run_started(), *[node_started(n) for n in range(40)]]
    assert "direct" not in _tell(*events, ModeChosen(mode="direct", reason="short"))


def test_nodes_that_go_on_run_again() -> None:
    events = [
        run_started(),
        node_started(0),
        node_ended(0),
        _resumed(),
        NodeRebuilt(node=0, iteration=1, blocks=1, seconds=0.1),
    ]
    record = Record()
    counts = NodeCounts(record)
    told = []
    for event in events:
        record.add(event)
        told.append(counts.at(record.last))
    assert told == [(0, 0), (1, 1), (1, 0), (1, 0), (1, 1)]
    assert [counts.at(at) for at in range(-1, 5)] == [(0, 0), *told]


@settings(deadline=None)
@given(st.lists(st.builds(Part, st.text(max_size=8), st.integers(0, 9)), max_size=9))
def test_what_is_left_out_matters_least(parts: list[Part]) -> None:
    before = list(parts)
    for narrower in range(120, -1, -7):
        kept = fit(parts, narrower)
        assert all(part in before for part in kept)
        size = sum(cell_len(part.text) + len(GAP) for part in kept)
        assert size <= narrower or len(kept) <= 1
        left_out = [part.weight for part in parts if part not in kept]
        assert max(left_out, default=0) <= min((part.weight for part in kept), default=9)
        before = kept


def test_a_narrow_line_keeps_what_became_of_the_run() -> None:
    record = Record()
    for event in synthetic_events(8):
        record.add(event)
    view = View(record=record, position=record.last, entry=None, state="still")
    parts = tell_run(view, NodeCounts(record))
    sizes = [len(fit(parts, width)) for width in (20, 40, 80, 120, 200)]
    assert all(narrow <= wide for narrow, wide in pairwise(sizes))
    assert sizes[-1] == len(parts)
    assert [part.text for part in fit(parts, 20)] == ["✓ answered"]
    assert {"36.6 s", "20260102-030405-0123abcd"} <= {part.text for part in fit(parts, 80)}


@settings(deadline=None)
@given(runs(), st.floats(0, 1))
def test_any_run_has_a_line(events: tuple[Event, ...], part: float) -> None:
    assert not OBEYED.search(_tell(*events, position=int(part * len(events)) - 1))


@settings(deadline=None)
@given(st.lists(EVENTS, max_size=30))
def test_any_events_have_a_line(events: list[Event]) -> None:
    hostile = RunStarted(run=ALL, version="", query="", model=ALL, sub_model="", limits={})
    line = _tell(hostile, *events, replace(_forked(ALL), run=ALL))
    assert "\n" not in line and not OBEYED.search(line)


@pytest.mark.anyio
@pytest.mark.parametrize("width", [80, 200])
async def test_the_line_is_at_the_top_of_the_screen(tmp_path: Path, width: int) -> None:
    path = await write(tmp_path, *synthetic_events(3))
    async with open_viewer(path, size=(width, 30)) as pilot:
        top = screen_text(pilot).splitlines()[0]
        assert top.startswith(" 20260102-030405-0123abcd  ✓ answered  ")
        assert ("openai/gpt-5" in top) == (width == 200)
        await pilot.press("home")
        await settle(pilot)
        assert "▶ running  0.0 s  $0 of $25.00" in screen_text(pilot).splitlines()[0]
        assert viewer_of(pilot).source.part_read > 0.9
