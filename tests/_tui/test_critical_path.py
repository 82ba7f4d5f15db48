from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlm_runtime._events import Event, SandboxStarted, ToolCalled, ToolReturned
from rlm_runtime._tui.record.critical_path import (
    CriticalPath,
    Ends,
    Segment,
    make_path,
    walk,
)
from rlm_runtime._tui.record.record import Record
from tests._cli.events import (
    attempt_started,
    code,
    executed,
    node_ended,
    node_started,
    rebuilt,
    replied,
    requested,
    resumed,
    run_ended,
    run_started,
)
from tests._tui.made_up import honest, runs
from tests._tui.viewing import record_of
from tests.examples import examples


def find_critical_path(ends: Ends, position: int) -> CriticalPath:
    ends.catch_up(len(ends.record.events))
    return make_path(list(walk(ends, position)))


def at(seconds: float, event: Event) -> Event:
    return replace(event, mono=seconds)


def told(path: CriticalPath) -> list[tuple[int | None, str | None, float, float]]:
    return [
        (one.entry.id if one.entry else None, one.kind, one.start, one.end) for one in path.segments
    ]


TWO_CHILDREN = (
    at(0, run_started()),
    at(1, node_started(0)),
    at(1, requested(0, 0)),
    at(2, attempt_started(0, 0)),
    at(5, replied(0, 0)),
    at(5, code(0, 1, "llm_query()")),
    at(6, node_started(1, 0)),
    at(6, node_started(2, 0)),
    at(7, node_ended(1)),
    at(9, node_ended(2)),
    at(10, executed(0, 1)),
    at(11, node_ended(0)),
    at(12, run_ended()),
)


def test_the_child_that_ended_last_is_on_the_path() -> None:
    record = record_of(*TWO_CHILDREN)
    path = find_critical_path(Ends(record), record.last)
    assert told(path) == [
        (None, None, 0, 1),
        (0, "wait", 1, 2),
        (0, "model", 2, 5),
        (0, "code", 5, 6),
        (2, None, 6, 9),
        (0, "code", 9, 10),
        (0, None, 10, 11),
        (None, None, 11, 12),
    ]
    assert path.seconds == {0: 7, 2: 3}


def test_children_one_after_the_other_are_all_on_the_path() -> None:
    events = [at(0, node_started(0)), at(0, code(0, 1, "a loop"))]
    for child in range(1, 4):
        events += [at(child, node_started(child, 0)), at(child + 0.5, node_ended(child))]
    record = record_of(*events, at(4, executed(0, 1)))
    entries = [one[0] for one in told(find_critical_path(Ends(record), record.last))]
    assert entries == [0, 1, 0, 2, 0, 3, 0]


def test_what_is_still_open_at_the_moment_is_on_the_path() -> None:
    record = record_of(*TWO_CHILDREN)
    position = record.position_at(6.9)
    assert told(find_critical_path(Ends(record), position))[-1] == (0, "code", 5, 6)
    path = find_critical_path(Ends(record), record.position_at(7))
    assert told(path)[-1] == (2, None, 6, 7)


def test_a_child_that_begins_at_the_moment_does_not_hide_what_was_waited_for() -> None:
    record = record_of(*TWO_CHILDREN[:7], at(8, node_started(2, 0)))
    path = find_critical_path(Ends(record), record.last)
    assert told(path)[-1] == (1, None, 6, 8)


def test_a_child_that_goes_on_after_it_had_ended_is_at_work() -> None:
    children = *TWO_CHILDREN[:8], at(7, node_ended(2, "interrupted"))
    record = record_of(
        *children, at(7, node_ended(1, "interrupted")), resumed(at=50), rebuilt(1, 50)
    )
    record.add(at(52, requested(1, 1)))
    path = find_critical_path(Ends(record), record.last)
    assert told(path)[-1][0] == 1 and path.segments[-1].end == record.time(record.last)
    record.add(at(53, node_ended(1)))
    assert told(find_critical_path(Ends(record), record.last))[-1][0] == 1


def check(record: Record, position: int, segments: tuple[Segment, ...]) -> None:
    """Check that a path has neither gaps nor overlaps, and that its parts are what they say."""
    now = record.time(position)
    assert sum(one.end - one.start for one in segments) == pytest.approx(now)
    for one in segments:
        assert one.start < one.end
        if one.entry is None:
            assert one.kind is None
            continue
        assert record.time(one.entry.began) <= one.start
        if one.kind is not None:
            assert any(
                span.kind == one.kind
                and span.start <= one.start
                and (span.end is None or span.end >= one.end)
                and span.began <= position
                for span in one.entry.spans
            )
    for one, other in pairwise(segments):
        assert one.end == other.start
    if segments:
        assert (segments[0].start, segments[-1].end) == (0, now)


@settings(max_examples=examples(60), deadline=None)
@given(runs(), st.floats(0, 1))
def test_a_path_covers_the_run_and_lies_within_spans(
    events: tuple[Event, ...], part: float
) -> None:
    record = record_of(*events)
    position = int(record.last * part)
    check(record, position, find_critical_path(Ends(record), position).segments)


@settings(max_examples=examples(25), deadline=None)
@given(st.integers(1, 6), st.integers(0, 2), st.floats(0, 1))
def test_a_path_knows_nothing_of_what_comes_after(nodes: int, seed: int, part: float) -> None:
    events = honest(nodes, seed)
    position = int((len(events) - 1) * part)
    whole, begin = record_of(*events), record_of(*events[: position + 1])
    now = find_critical_path(Ends(begin), position)
    assert told(find_critical_path(Ends(whole), position)) == told(now)


@settings(max_examples=examples(15), deadline=None)
@given(st.integers(1, 6), st.integers(0, 2))
def test_no_child_ended_while_code_is_on_the_path(nodes: int, seed: int) -> None:
    record = record_of(*honest(nodes, seed))
    for one in find_critical_path(Ends(record), record.last).segments:
        if one.kind != "code" or one.entry is None:
            continue
        for child in one.entry.children:
            ended = child.ended(record.last)
            assert ended is None or not one.start < record.time(ended) < one.end


def test_a_sandbox_counts_from_the_begin_of_its_node_and_once_it_is_there() -> None:
    sandbox = SandboxStarted(node=0, pid=7, seconds=5, mono=6)
    record = record_of(
        at(0, run_started()), at(2, node_started(0)), at(3, requested(0, 0)), sandbox
    )
    ends = Ends(record)
    assert told(find_critical_path(ends, 2)) == [(None, None, 0, 2), (0, None, 2, 3)]
    record.add(at(7, node_ended(0)))
    assert (0, "sandbox", 2, 3) in told(find_critical_path(ends, record.last))


def test_of_tools_at_once_the_one_that_ended_last_is_on_the_path() -> None:
    record = record_of(
        at(0, node_started(0)),
        at(1, code(0, 1, "a(), b()")),
        at(2, ToolCalled(node=0, call=0, tool="a", arguments="")),
        at(3, ToolCalled(node=0, call=1, tool="b", arguments="")),
        at(4, ToolReturned(node=0, call=1, tool="b", result="", result_type="", seconds=1)),
        at(6, ToolReturned(node=0, call=0, tool="a", result="", result_type="", seconds=4)),
        at(7, executed(0, 1)),
        at(8, node_ended(0)),
    )
    found = told(find_critical_path(Ends(record), record.last))
    assert (0, "tool", 2, 6) in found


def test_ends_are_taken_in_as_the_record_grows() -> None:
    record = Record()
    ends = Ends(record)
    for event in TWO_CHILDREN:
        record.add(event)
        assert ends.catch_up(1)
    fresh = find_critical_path(Ends(record), record.last)
    assert told(find_critical_path(ends, record.last)) == told(fresh)


def test_a_chain_deeper_than_any_stack() -> None:
    deep = 5000
    events = [at(0, node_started(0))]
    events += [at(n / deep, node_started(n, n - 1)) for n in range(1, deep)]
    record = record_of(*events, at(2, run_ended()))
    segments = find_critical_path(Ends(record), record.last).segments
    check(record, record.last, segments)
    assert len(segments) == deep


def test_many_children_that_took_no_time_do_not_hold_it_up() -> None:
    events = [at(0, node_started(0)), at(0, code(0, 1, "a loop"))]
    for child in range(1, 3000):
        events += [at(1, node_started(child, 0)), at(1, node_ended(child))]
    record = record_of(*events, at(2, executed(0, 1)))
    path = find_critical_path(Ends(record), record.last)
    assert told(path) == [(0, "code", 0, 1), (0, "code", 1, 2)]
