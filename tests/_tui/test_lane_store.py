from __future__ import annotations

import pytest

from rlm_runtime._tui import lane_store
from rlm_runtime._tui.lane_cells import paint_entry, paint_group, paint_load
from rlm_runtime._tui.lane_store import LaneStore, PathColumns
from rlm_runtime._tui.record.activity import Activity
from rlm_runtime._tui.record.critical_path import Ends
from rlm_runtime._tui.record.record import Record
from rlm_runtime._tui.rows import Row
from rlm_runtime._tui.timescale import TimeScale, scale_to
from tests._cli.events import attempt_started, node_ended, node_started, requested, resumed
from tests._tui.made_up import honest
from tests._tui.test_critical_path import TWO_CHILDREN, at, find_critical_path
from tests._tui.viewing import record_of


def test_no_lane_is_out_of_date() -> None:
    record = Record()
    store = LaneStore(record)
    scale = TimeScale(0, 40, 50)
    for number, event in enumerate(honest(3, 1)):
        record.add(event)
        store.activity.catch_up()
        if number % 7:
            continue
        fresh = Activity(record)
        fresh.catch_up()
        for entry in record.entries:
            for position in range(0, record.last + 1, 5):
                painted = paint_entry(fresh, entry, scale, position)
                assert store.lane(Row(entry, 0), scale, position) == painted
        assert store.load(scale) == paint_load(fresh.calls, scale)


def test_a_group_is_painted_with_the_members_that_it_has() -> None:
    events = [at(0, node_started(0))]
    events += [at(child, node_started(child, 0)) for child in range(1, 6)]
    events += [at(child + 4, node_ended(child)) for child in range(1, 6)]
    record = record_of(*events)
    store = LaneStore(record)
    store.activity.catch_up()
    members = tuple(record.entries[1:])
    scale = TimeScale(0, 10, 10)

    def lane(*chosen: int) -> str:
        group = tuple(members[number] for number in chosen)
        return "".join(store.lane(Row(group[0], 0, group), scale, record.last).glyphs)

    whole = "".join(paint_group(store.activity, members, scale).glyphs)
    assert lane(0, 1, 2, 3, 4) == whole
    # Its first members: before the moment, the others were not there anyway
    assert lane(0, 1, 2) == whole
    # Others, as a filter may leave them
    assert lane(0, 3, 4) == "".join(
        paint_group(store.activity, (members[0], *members[3:]), scale).glyphs
    )


def test_another_filter_may_leave_a_group_of_the_same_ends() -> None:
    events = [at(0, node_started(0)), at(1, node_started(1, 0)), at(1, node_started(2, 0))]
    events += [at(1, node_started(3, 0)), at(1, node_started(4, 0)), at(3, node_ended(2))]
    record = record_of(*events, at(9, node_ended(0)))
    store = LaneStore(record)
    store.activity.catch_up()
    scale = TimeScale(0, 10, 10)
    for chosen in ((1, 2, 4), (1, 3, 4)):
        group = tuple(record.entries[number] for number in chosen)
        painted = paint_group(store.activity, group, scale)
        assert store.lane(Row(group[0], 0, group), scale, record.last) == painted


def test_a_call_that_a_crash_cut_off_ends_in_a_lane_that_was_painted_before() -> None:
    begun = (at(0, node_started(0)), at(1, requested(0, 0)), at(1, attempt_started(0, 0)))
    record = record_of(*begun, at(5, node_started(1, 0)))
    store = LaneStore(record)
    scale = TimeScale(0, 10, 10)
    row = Row(record.entries[0], 0)
    store.activity.catch_up()
    assert "".join(store.lane(row, scale, record.last).glyphs) == "─█████████"
    record.add(resumed(at=50))
    record.add(at(54, node_ended(1)))
    store.activity.catch_up()
    assert "".join(store.lane(row, scale, record.last).glyphs) == "─████─────"


def test_only_so_many_lanes_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane_store, "_MOST_LANES", 5)
    record = record_of(*TWO_CHILDREN)
    store = LaneStore(record)
    for width in range(1, 30):
        store.lane(Row(record.entries[0], 0), TimeScale(0, 12, width), 0)
        group = (record.entries[1], record.entries[2])
        store.lane(Row(group[0], 0, group), TimeScale(0, 12, width), 0)
        store.load(TimeScale(0, 12, width))
    assert len(store._lanes) == len(store._groups) == 5


def test_the_columns_of_the_critical_path() -> None:
    record = record_of(*TWO_CHILDREN)
    path = PathColumns(find_critical_path(Ends(record), record.last))
    scale = TimeScale(0, 12, 24)
    root, first, last = record.entries
    covered = path.columns(Row(last, 0), scale)
    assert len(covered) == 24
    assert [column for column, on_path in enumerate(covered) if on_path] == list(range(12, 18))
    assert not any(path.columns(Row(first, 0), scale))
    assert path.columns(Row(first, 0, (first, last)), scale) == covered
    assert not any(path.columns(Row(first, 0, (first,)), scale))
    assert not any(path.columns(Row(last, 0), TimeScale(0, 5, 24)))


def test_many_stretches_in_a_column_are_one() -> None:
    events = [at(0, node_started(0))]
    for child in range(1, 500):
        events += [at(child, node_started(child, 0)), at(child + 0.5, node_ended(child))]
    record = record_of(*events)
    path = PathColumns(find_critical_path(Ends(record), record.last))
    assert all(path.columns(Row(record.entries[0], 0), scale_to(500, 7)))
    half = path.columns(Row(record.entries[0], 0), TimeScale(100.0, 2, 8))
    assert list(half) == [0, 0, 1, 1, 0, 0, 1, 1]


def test_a_group_is_painted_anew_as_its_members_end() -> None:
    record = record_of(at(0, node_started(0)), at(1, node_started(1, 0)), at(1, node_started(2, 0)))
    store = LaneStore(record)
    group = (record.entries[1], record.entries[2])
    row, scale = Row(group[0], 0, group), TimeScale(0, 6, 6)
    store.activity.catch_up()
    assert "".join(store.lane(row, scale, record.last).glyphs) == " ▂▂▂▂▂"
    record.add(at(3, node_ended(1)))
    store.activity.catch_up()
    assert "".join(store.lane(row, scale, record.last).glyphs) == " ▂▂▁▁▁"
