from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlm_runtime._events import Event, NodeStarted, RunEnded
from rlm_runtime._tui.record.record import Record
from rlm_runtime._tui.stepping import (
    Subtree,
    neighbour,
    read_moment,
    step,
    step_in_entry,
    step_iteration,
    step_mark,
)
from tests._tui.made_up import forged, honest, runs
from tests._tui.viewing import record_of

Stepper = Callable[[int, int], int | None]


def _steppers(record: Record) -> list[Stepper]:
    """Give every way of stepping through a record, with what it is bound to."""
    marks = record.marks
    ways: list[Stepper] = [partial(step, record)]
    ways += [partial(step_mark, record, kind) for kind in (marks.errors, marks.children)]
    ways.append(partial(step_mark, record, marks.answers))
    for entry in record.entries[:: max(1, len(record.entries) // 4)]:
        below = Subtree(record, entry)
        ways += [
            partial(step_in_entry, entry),
            partial(step_iteration, entry),
            partial(step, record, within=below),
            partial(step_mark, record, marks.errors, within=below),
        ]
    return ways


@settings(deadline=None)
@given(runs(), st.data())
def test_the_next_of_the_previous_is_where_one_was(
    events: tuple[Event, ...], data: st.DataObject
) -> None:
    record = record_of(*events)
    start = data.draw(st.integers(-1, record.last))
    for way in _steppers(record):
        here = way(start, 1)
        if here is None:
            continue
        assert start < here <= record.last
        before = way(here, -1)
        assert before is None or way(before, 1) == here
        after = way(here, 1)
        assert after is None or (after > here and way(after, -1) == here)


@settings(deadline=None)
@given(runs(), st.data())
def test_stepping_on_comes_to_an_end_and_back(
    events: tuple[Event, ...], data: st.DataObject
) -> None:
    record = record_of(*events)
    way = data.draw(st.sampled_from(_steppers(record)))
    visited = []
    at: int | None = -1
    while (at := way(-1 if at is None else at, 1)) is not None:
        visited.append(at)
    back = []
    at = record.last + 1
    while (at := way(at, -1)) is not None:
        back.append(at)
    assert visited == sorted(set(visited)) == back[::-1]


@settings(deadline=None)
@given(runs(), st.integers(1, 60))
def test_a_subtree_of_a_growing_record_is_that_of_the_whole_one(
    events: tuple[Event, ...], size: int
) -> None:
    record = record_of(*events[:size])
    growing = [Subtree(record, entry) for entry in record.entries]
    for number, event in enumerate(events[size:]):
        record.add(event)
        if number % 7 == 0:
            assert all(one.positions is not None for one in growing)
    for one in growing:
        inside = [p for p, owner in enumerate(record.owners) if _is_below(owner, one.top)]
        assert list(one.positions) == inside == list(Subtree(record, one.top).positions)


def _is_below(entry: object, top: object) -> bool:
    while entry is not None and entry is not top:
        entry = getattr(entry, "parent", None)
    return entry is top


def test_an_empty_record_has_nowhere_to_go() -> None:
    record = Record()
    assert [way(-1, by) for way in _steppers(record) for by in (1, -1)] == [None] * 8
    assert read_moment(record, "50%") is None


def test_a_growing_record_has_a_next_event_when_it_comes() -> None:
    events = honest(1, 0)
    record = record_of(*events[:2])
    assert step(record, 1, 1) is None
    record.add(events[2])
    assert step(record, 1, 1) == 2


def test_marks_are_those_of_the_subtree_only() -> None:
    record = record_of(*honest(5, 0))
    top = record.entries[1]
    below = Subtree(record, top)
    at: int | None = -1
    found = []
    while (at := step_mark(record, record.marks.answers, at or 0, 1, below)) is not None:
        found.append(at)
    assert found
    assert all(_is_below(record.owners[at], top) for at in found)
    assert not below.holds(record.roots[0])
    assert not below.holds(None)
    assert isinstance(record.events[record.marks.answers[-1]], RunEnded)


def test_iterations_are_stepped_from_the_first_event_to_the_last() -> None:
    record = record_of(*honest(1, 0))
    root = record.roots[0]
    stops = [root.events[0], *(at for at, _ in root.iterations), root.events[-1]]
    at: int | None = -1
    assert [at := step_iteration(root, at or 0, 1) for _ in stops] == stops
    assert step_iteration(root, stops[-1], 1) is None


@pytest.mark.parametrize("position", [-1, 0, 3, 4, 9, 10])
def test_a_neighbour_is_the_nearest_one(position: int) -> None:
    places = [0, 4, 9]
    assert neighbour(places, position, 1) == min((p for p in places if p > position), default=None)
    assert neighbour(places, position, -1) == max((p for p in places if p < position), default=None)


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("0", 0),
        ("12.5", 12),
        ("12.5s", 12),
        (" 1m30 ", 90),
        ("1m 30s", 90),
        ("1:30", 90),
        ("0:01:30", 90),
        ("1h", 199),
        ("50%", 99),
        ("100%", 199),
        ("900 %", 199),
        ("#1", 0),
        ("#100", 99),
        ("#0", 0),
        ("#" + "9" * 30, 199),
        ("9" * 30, 199),
    ],
)
def test_moments_are_read_as_they_are_typed(text: str, position: int) -> None:
    record = Record()
    for number in range(200):
        record.add(
            NodeStarted(
                node=number,
                parent=None,
                depth=0,
                model="",
                query="",
                context="",
                mono=float(number),
            )
        )
    assert read_moment(record, text) == position


@pytest.mark.parametrize(
    "text", ["", " ", "x", "#", "%", "-1", "1e9", "nan%", "1.2.3%", "1::2", "9" * 5000, "１"]
)
def test_what_is_no_moment_is_none(text: str) -> None:
    assert read_moment(record_of(*honest(1, 0)), text) is None


@settings(deadline=None)
@given(st.integers(0, 200))
def test_forged_runs_are_really_forged(seed: int) -> None:
    assert forged(3, seed) != honest(3, seed % 3)


@settings(deadline=None)
@given(runs(), st.text("0123456789.:%#hms ", max_size=12))
def test_any_text_is_a_moment_of_the_run_or_none(events: tuple[Event, ...], text: str) -> None:
    record = record_of(*events)
    found = read_moment(record, text)
    assert found is None or 0 <= found <= record.last
