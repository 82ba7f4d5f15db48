"""What the lanes show of a moment is what they showed when that moment was the last one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rlm_runtime._events import Event
from rlm_runtime._tui.lane_store import LaneStore, PathColumns
from rlm_runtime._tui.lane_words import tell_load, tell_place
from rlm_runtime._tui.lanes import _until
from rlm_runtime._tui.record.critical_path import Ends
from rlm_runtime._tui.record.record import Record
from rlm_runtime._tui.timescale import TimeScale, scale_to
from rlm_runtime._tui.view import View
from tests._tui.made_up import runs
from tests._tui.test_critical_path import find_critical_path
from tests._tui.viewing import make_rows, record_of

_ROWS = 25
PARTS = st.floats(0, 1)
WIDTHS = st.sampled_from([1, 7, 40, 120])


@given(runs(), PARTS, PARTS, st.sampled_from([0.02, 0.2, 1.0]), WIDTHS)
def test_no_lane_knows_what_comes(
    events: tuple[Event, ...], part: float, left: float, zoom: float, width: int
) -> None:
    position = int(part * len(events)) - 1
    whole, until = record_of(*events), record_of(*events[: position + 1])
    length = scale_to(whole.time(whole.last), width).length * zoom
    scale = TimeScale(max(0.0, until.time(position) - left * length), length, width)
    assert _shown(_store(whole), position, scale) == _shown(_store(until), position, scale)


@given(runs(), st.lists(st.integers(1, 60), min_size=1, max_size=5), PARTS, WIDTHS)
def test_lanes_that_grow_are_those_of_a_record_that_is_there_at_once(
    events: tuple[Event, ...], sizes: list[int], part: float, width: int
) -> None:
    scale = scale_to(record_of(*events).time(len(events) - 1), width)
    record = Record()
    growing = LaneStore(record)
    for size in sizes:
        for event in events[len(record.events) : len(record.events) + size]:
            record.add(event)
        growing.activity.catch_up()
        fresh = _store(record_of(*record.events))
        for position in {record.last, int(part * record.last)}:
            assert _shown(growing, position, scale) == _shown(fresh, position, scale)


def _store(record: Record) -> LaneStore:
    store = LaneStore(record)
    store.activity.catch_up()
    return store


def _shown(store: LaneStore, position: int, scale: TimeScale) -> list[object]:
    """Give all that the lanes show of a moment, and the words for some places in them."""
    record, activity = store.activity.record, store.activity
    rows = make_rows(record, position)
    view = View(record=record, position=position, entry=None, rows=rows, state="growing")
    path = PathColumns(find_critical_path(Ends(record), position))
    cursor = scale.column(view.seconds)
    columns = sorted({0, cursor // 2, cursor})
    shown: list[object] = [_until(store.load(scale), view, cursor)]
    if scale.start <= view.seconds:
        shown += [tell_load(activity, scale, column, view.seconds) for column in columns]
    for row in rows[:_ROWS]:
        shown.append(_until(store.lane(row, scale, position), view, cursor))
        shown.append(path.columns(row, scale))
        shown += [tell_place(activity, view, row, scale, column) for column in columns]
    return shown
