"""What was at work when a run crashed, and was put aside as the run went on differently."""

from __future__ import annotations

from dataclasses import replace

from rlm_runtime._events import CodeStarted, Event, ModelRequested, NodeStarted, ReplayDiverged
from rlm_runtime._tui.lane_cells import paint_entry
from rlm_runtime._tui.record.activity import Activity
from rlm_runtime._tui.record.node_counts import NodeCounts
from rlm_runtime._tui.rows import Row
from rlm_runtime._tui.timescale import TimeScale
from rlm_runtime._tui.tree.figures import figures_of
from rlm_runtime._tui.view import View
from tests._cli.events import (
    code,
    executed,
    node_started,
    rebuilt,
    replied,
    requested,
    resumed,
    run_ended,
    run_started,
)
from tests._tui.test_record import leaf_request, sub_call, sub_call_ended
from tests._tui.viewing import record_of

DIVERGED = 8


def at(seconds: float, event: Event) -> Event:
    return replace(event, mono=seconds)


def events() -> list[Event]:
    return [
        at(0, run_started()),
        at(0, node_started(0)),
        at(0, requested(0, 0)),
        at(1, code(0, 1, "x = 1")),
        at(2, executed(0, 1)),
        CodeStarted(node=0, iteration=1, code="llm_query('a')", block=1, mono=4),
        sub_call(0, recursive=True, at=4),
        # The clock of the new session begins where the run had come to
        resumed(at=100),
        at(101, ReplayDiverged(node=0, iteration=1, block=0, reason="time")),
        at(105, sub_call(1, recursive=True)),
        at(106, node_started(1, 0, at=106)),
    ]


def with_child_begun() -> list[Event]:
    made = events()
    return [*made[:7], replace(node_started(9, 0, at=4), sub_call=0), *made[7:]]


def test_what_is_put_aside_does_not_run_even_if_it_is_told_to_go_on() -> None:
    record = record_of(*with_child_begun(), rebuilt(9))
    counts = NodeCounts(record)
    assert counts.at(record.last) == counts.at(record.last - 1) == (3, 2)


def test_it_ends_where_it_is_put_aside() -> None:
    record = record_of(*with_child_begun())
    child = record.entries[1]
    assert child.aside == DIVERGED + 1
    assert [child.state(at) for at in (child.aside - 1, child.aside)] == ["running", "aside"]
    view = View(record=record, position=record.last, entry=None, state="still")
    figures = figures_of(Row(child, 1), view)
    assert (figures.state, figures.seconds) == ("aside", 1.0)
    # The root and the new child; that of before runs no more
    assert NodeCounts(record).at(record.last) == (3, 2)
    assert NodeCounts(record).at(child.aside - 1) == (2, 2)


def test_its_lane_and_the_wait_for_it_end_there() -> None:
    record = record_of(*with_child_begun())
    activity = Activity(record)
    activity.catch_up()
    waits = activity.waits(record.entries[0])
    assert waits is not None
    # From 4 to 5 for the first child, from 9 on for the second one
    assert [waits.between(start, start + 1) for start in (4, 6, 9)] == [1, 0, 1]
    lane = paint_entry(activity, record.entries[1], TimeScale(0, 10, 10), record.last)
    assert "".join(lane.glyphs)[5:].strip(" ╴") == ""


def test_a_node_is_back_in_the_iteration_where_it_diverged() -> None:
    made = events()
    late = ModelRequested(node=0, call=3, model="m", iteration=2, messages=(), mono=3)
    record = record_of(*made[:5], late, *made[5:])
    root = record.entries[0]
    assert [root.iteration(DIVERGED), root.iteration(DIVERGED + 1)] == [2, 1]
    # What it asks for now is of that block, and not of the one that it had come to
    assert record.entries[2].place == (1, 0)


def test_a_completion_that_is_asked_for_again_is_at_work_again() -> None:
    made = [*events()[:6], sub_call(0, recursive=False, at=4)]
    given_up = replace(sub_call_ended(0, at=6), stop_reason="interrupted")
    made += [leaf_request(1, 0), given_up, at(6, run_ended())]
    made += [resumed(at=100), at(101, leaf_request(2, 0)), at(103, replied(0, 2))]
    activity = Activity(record_of(*made, sub_call_ended(0, at=104)))
    activity.catch_up()
    waits = activity.waits(activity.record.entries[0])
    assert waits is not None
    assert [waits.between(start, start + 1) for start in (5, 6, 7, 9, 10)] == [1, 0, 1, 1, 0]


def test_a_node_that_was_given_up_before_it_began_is_at_work_once_it_begins() -> None:
    given_up = replace(sub_call_ended(0, at=6), stop_reason="interrupted")
    made = [*events()[:6], sub_call(0, recursive=True, at=4), given_up, resumed(at=100)]
    begun = NodeStarted(
        node=1, parent=0, depth=1, model="m", query="", context="", sub_call=0, mono=102
    )
    activity = Activity(record_of(*made, begun, at(105, run_ended())))
    activity.catch_up()
    waits = activity.waits(activity.record.entries[0])
    assert waits is not None
    assert [waits.between(start, start + 1) for start in (5, 6, 7, 8, 10)] == [1, 0, 0, 1, 1]
