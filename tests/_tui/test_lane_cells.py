from __future__ import annotations

from bisect import bisect_right

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from rlm_runtime._events import Event, SandboxStarted, ToolCalled, ToolReturned
from rlm_runtime._tui.lane_cells import level_of, paint_entry, paint_group, paint_load
from rlm_runtime._tui.record.activity import Activity, Overlap
from rlm_runtime._tui.record.record import Record
from rlm_runtime._tui.timescale import TimeScale, scale_to
from tests._cli.events import (
    attempt_failed,
    attempt_started,
    code,
    executed,
    node_ended,
    node_started,
    replied,
    requested,
    resumed,
    run_started,
)
from tests._tui.made_up import honest, runs
from tests._tui.test_critical_path import TWO_CHILDREN, at
from tests._tui.viewing import record_of
from tests.examples import examples


def active(*events: Event) -> Activity:
    activity = Activity(record_of(*events))
    activity.catch_up()
    return activity


def drawn(activity: Activity, entry: int, scale: TimeScale) -> str:
    record = activity.record
    return "".join(paint_entry(activity, record.entries[entry], scale, record.last).glyphs)


def test_a_lane_is_to_scale() -> None:
    activity = active(*TWO_CHILDREN)
    assert drawn(activity, 0, TimeScale(0, 12, 12)) == " ·███▓╌╌╌▓─ "
    assert drawn(activity, 2, TimeScale(0, 12, 12)) == "      ───   "
    assert drawn(activity, 0, TimeScale(4, 4, 8)) == "██▓▓╌╌╌╌"


def test_half_a_column_is_seen() -> None:
    events = [at(1, node_started(0)), at(1, requested(0, 0)), at(1, attempt_started(0, 0))]
    activity = active(at(0, run_started()), *events, at(3, replied(0, 0)), at(5, node_ended(0)))
    assert drawn(activity, 0, TimeScale(0, 6, 3)) == "▐▌╴"
    assert drawn(activity, 0, TimeScale(0, 6, 6)) == " ██── "


def test_tools_stand_out_of_code() -> None:
    called = ToolCalled(node=0, call=1, tool="t", arguments="", iteration=1, mono=2)
    returned = ToolReturned(
        node=0, call=1, tool="t", result="", result_type="str", seconds=1, mono=3
    )
    activity = active(
        at(0, node_started(0)), at(0, code(0, 1, "")), called, returned, at(4, executed(0, 1))
    )
    assert drawn(activity, 0, TimeScale(0, 4, 4)) == "▓▓▒▓"


def test_what_took_no_time_is_still_there() -> None:
    activity = active(at(0, run_started()), at(5, node_started(0)), at(5, node_ended(0)))
    assert drawn(activity, 0, TimeScale(0, 10, 10)).strip()


def test_a_crowd_of_spans_is_measured_as_a_whole() -> None:
    events = [at(0, node_started(0))]
    for call in range(2000):
        events += [at(call, requested(0, call)), at(call + 0.1, attempt_started(0, call))]
        events += [at(call + 0.9, replied(0, call))]
    activity = active(*events)
    assert drawn(activity, 0, TimeScale(0, 2000, 10)) == "█" * 10
    assert drawn(activity, 0, TimeScale(1000, 1, 10)) == "·████████─"


def test_a_crowd_leaves_what_was_before_it_as_it_was() -> None:
    def call(number: int, begin: float, end: float) -> list[Event]:
        called = ToolCalled(node=0, call=number, tool="t", arguments="", iteration=1, mono=begin)
        returned = ToolReturned(
            node=0, call=number, tool="t", result="", result_type="str", seconds=1, mono=end
        )
        return [called, returned]

    events = [at(0, node_started(0)), at(0, code(0, 1, "")), *call(0, 1, 99)]
    for number in range(1, 80):
        events += call(number, 2 + number / 100, 2.5 + number / 100)
    for number in range(80, 300):
        events += call(number, 30 + number / 100, 30.5 + number / 100)
    events.sort(key=lambda event: event.mono)
    scale = TimeScale(10, 40, 40)
    now = active(*(event for event in events if event.mono <= 20))
    assert drawn(now, 0, scale)[:10] == drawn(active(*events), 0, scale)[:10]


def test_what_is_done_before_it_counts_as_running_again_is_there() -> None:
    started = SandboxStarted(node=0, pid=7, seconds=2, mono=9)
    activity = active(
        at(0, node_started(0)), at(4, node_ended(0, "interrupted")), resumed(at=4), started
    )
    assert drawn(activity, 0, TimeScale(0, 12, 12)) == "────   ░░   "


def test_errors_are_marked_where_they_happened() -> None:
    activity = active(
        at(0, node_started(0)),
        at(0, requested(0, 0)),
        at(0, attempt_started(0, 0)),
        attempt_failed(0, 0, 1, wait=1, at=2),
        at(3, attempt_started(0, 0, 2)),
        at(4, replied(0, 0)),
        at(6, node_ended(0, "max_cost")),
        at(8, resumed()),
    )
    lane = paint_entry(activity, activity.record.entries[0], TimeScale(0, 8, 8), 9)
    assert [(mark.column, mark.position, mark.glyph) for mark in lane.marks] == [
        (2, 3, "✗"),
        (6, 6, "■"),
    ]
    assert not paint_entry(activity, activity.record.entries[0], TimeScale(3, 2, 8), 9).marks


def test_a_group_shows_how_many_of_it_are_at_work() -> None:
    events = [at(0, node_started(0))]
    events += [at(child, node_started(child, 0)) for child in range(1, 5)]
    events += [at(child + 4, node_ended(child)) for child in range(1, 5)]
    activity = active(*events)
    lane = paint_group(activity, activity.record.entries[1:], TimeScale(0, 9, 9))
    assert "".join(lane.glyphs) == " ▁▂▃▃▃▂▁ "


def test_levels_stand_for_twice_as_many() -> None:
    assert "".join(level_of(number) for number in (0.1, 1, 2, 4, 8, 16, 32, 64, 1e9)) == "▁▁▂▃▄▅▆▇█"


def test_calls_end_where_the_run_crashed() -> None:
    activity = active(
        at(0, node_started(0)),
        at(1, requested(0, 0)),
        at(1, attempt_started(0, 0)),
        at(3, requested(0, 1)),
        resumed(at=50),
        at(52, requested(0, 2)),
    )
    assert "".join(paint_load(activity.calls, TimeScale(0, 5, 5)).glyphs) == " ▁▁  "


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)).map(sorted), max_size=30),
    st.integers(0, 49),
    st.integers(1, 20),
)
def test_an_average_is_what_adding_up_gives(
    stretches: list[list[int]], start: int, length: int
) -> None:
    load = Overlap((one[0] for one in stretches), (one[1] for one in stretches))
    end = start + length
    seconds = sum(max(0, min(stop, end) - max(begin, start)) for begin, stop in stretches)
    assert load.between(start, end) == pytest.approx(seconds / length)


@settings(max_examples=examples(40), deadline=None)
@given(runs(), st.floats(0, 1), st.sampled_from([0.05, 0.5, 1.0]), st.integers(1, 40))
def test_any_run_can_be_painted(
    events: tuple[Event, ...], part: float, zoom: float, width: int
) -> None:
    activity = active(*events)
    record = activity.record
    whole = scale_to(record.time(record.last), width)
    scale = TimeScale(whole.length * part * (1 - zoom), whole.length * zoom, width)
    lanes = [paint_entry(activity, entry, scale, record.last) for entry in record.entries]
    lanes += [paint_load(activity.calls, scale), paint_group(activity, record.entries, scale)]
    for lane in lanes:
        assert len(lane.looks) == len(lane.glyphs) == width
        assert all(cell_len(glyph) == 1 for glyph in lane.glyphs)
    for lane, entry in zip(lanes, record.entries, strict=False):
        times = [record.time(position) for position in activity.errors(entry)]
        columns = {scale.column(at) for at in times if scale.start <= at <= scale.end}
        assert [mark.column for mark in lane.marks] == sorted(columns)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("nodes", range(1, 5))
def test_what_is_left_of_the_moment_knows_nothing_of_what_comes_after(
    nodes: int, seed: int
) -> None:
    events = honest(nodes, seed)
    whole = active(*events)
    scale = scale_to(whole.record.time(whole.record.last), 60)
    record = Record()
    growing = Activity(record)
    for position, event in enumerate(events):
        record.add(event)
        growing.catch_up()
        cursor = scale.column(whole.record.time(position))
        for entry in record.entries:
            now = paint_entry(growing, entry, scale, position)
            later = paint_entry(whole, whole.record.entries[entry.id], scale, position)
            assert later.glyphs[:cursor] == now.glyphs[:cursor]
            known = bisect_right([mark.position for mark in later.marks], position)
            assert later.marks[:known] == now.marks


def test_an_activity_grows_with_its_record() -> None:
    record = Record()
    growing = Activity(record)
    for event in honest(3, 1):
        record.add(event)
        growing.catch_up()
        for entry in record.entries:
            growing.spans(entry)
    fresh = Activity(record)
    fresh.catch_up()
    scale = scale_to(record.time(record.last), 50)
    for entry in record.entries:
        assert paint_entry(growing, entry, scale, record.last) == paint_entry(
            fresh, entry, scale, record.last
        )
    assert paint_load(growing.calls, scale) == paint_load(fresh.calls, scale)
