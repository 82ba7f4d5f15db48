from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from rlm_runtime._events import Event, SandboxStarted
from rlm_runtime._tui.lane_words import tell_load, tell_path, tell_place
from rlm_runtime._tui.record.activity import Activity
from rlm_runtime._tui.record.critical_path import CriticalPath, Ends
from rlm_runtime._tui.record.record import Record
from rlm_runtime._tui.rows import Row
from rlm_runtime._tui.timescale import TimeScale, scale_to
from rlm_runtime._tui.view import View
from tests._cli.events import (
    attempt_started,
    code,
    executed,
    node_ended,
    node_started,
    replied,
    requested,
)
from tests._cli.test_any_events import EVENTS
from tests._tui.made_up import runs
from tests._tui.test_critical_path import TWO_CHILDREN, at, find_critical_path
from tests._tui.viewing import record_of
from tests.examples import examples
from tests.hostile_text import ALL, OBEYED

SCALE = TimeScale(0, 12, 12)


def told(record: Record, column: int, position: int, row: Row | None = None) -> str:
    activity = Activity(record)
    activity.catch_up()
    view = View(record=record, position=position, entry=None)
    return tell_place(activity, view, row or Row(record.entries[0], 0), SCALE, column)


def test_what_an_entry_did() -> None:
    record = record_of(*TWO_CHILDREN)
    last = record.last
    assert told(record, 1, last) == "1s  waits to be sent 0 · 1.00 s"
    assert told(record, 3, last) == "3s  model call 0 · 3.00 s"
    assert told(record, 7, last).endswith("code 0 · iteration 1 · 5.00 s")
    assert told(record, 10, last) == "10s  code 0 · iteration 1 · 5.00 s"
    assert told(record, 11, last) == "11s  answered"


def test_what_begins_after_the_moment_is_not_told() -> None:
    record = record_of(*TWO_CHILDREN)
    assert "code" in told(record, 5, 5)
    assert "code" not in told(record, 5, 4)
    assert told(record, 6, 5) == ""


def test_what_ends_after_the_moment_is_not_told_in_the_column_of_the_moment() -> None:
    # In one column a call is asked for and sent, and the moment is between the two
    events = [at(0, node_started(0)), at(3.1, requested(0, 0)), at(3.2, attempt_started(0, 0))]
    events += [at(3.7, replied(0, 0)), at(3.7, code(0, 1, "x")), at(3.9, executed(0, 1))]
    whole, begin = record_of(*events), record_of(*events[:2])
    assert told(whole, 3, 1) == told(begin, 3, 1) == "3s  waits to be sent 0 · 0 ms so far"
    assert told(whole, 3, 2) == "3s  waits to be sent 0 · 100 ms"


def test_how_many_of_a_group_were_at_work() -> None:
    record = record_of(*TWO_CHILDREN)
    group = (record.entries[1], record.entries[2])
    row = Row(group[0], 0, group)
    assert told(record, 8, record.last, row) == "8s  1 of 2 at work"
    assert told(record, 6, 7, row) == "6s  2 of 2 at work"


def test_an_error_is_told_by_its_last_line() -> None:
    error = "Traceback:\n  ...\nValueError: no flood"
    record = record_of(at(0, node_started(0)), at(12, executed(0, 1, error)))
    assert told(record, 11, 1) == "11s  ✗ ValueError: no flood"


def test_an_error_does_not_steer_the_terminal() -> None:
    record = record_of(at(0, node_started(0)), at(5, executed(0, 1, ALL + "\x1b[2J")))
    assert "✗" in told(record, 5, 1)
    assert not OBEYED.search(told(record, 5, 1))


def test_a_limit_is_told() -> None:
    record = record_of(at(0, node_started(0)), at(5, node_ended(0, "max_cost")))
    assert told(record, 5, 1) == "5s  ✗ max_cost"


def test_a_sandbox_has_no_number() -> None:
    sandbox = SandboxStarted(node=0, pid=7, seconds=3, mono=3)
    record = record_of(at(0, node_started(0)), sandbox)
    assert told(record, 1, 1) == "1s  sandbox starts · 3.00 s"


def test_model_calls_in_flight() -> None:
    activity = Activity(record_of(*TWO_CHILDREN))
    activity.catch_up()
    assert tell_load(activity, SCALE, 3, 9.0) == "3s  1.0 model calls in flight"
    # The call ends at 5: what comes after the moment is not known
    wide = TimeScale(0, 10, 5)
    assert [tell_load(activity, wide, 2, now)[4:7] for now in (5.0, 6.0)] == ["1.0", "0.5"]
    # Where it ends just as the column begins, it was there
    assert tell_load(activity, SCALE, 5, 5.0)[4:7] == "1.0"
    assert tell_load(activity, SCALE, 2, 2.0)[4:7] == "0.0"


def test_what_the_critical_path_went_to() -> None:
    record = record_of(*TWO_CHILDREN)
    path = find_critical_path(Ends(record), record.last)
    assert tell_path(path) == (
        " ◆ critical path  other 6.00 s · model 3.00 s · code 2.00 s · waiting 1.00 s"
    )
    assert tell_path(CriticalPath()) == ""


@settings(max_examples=examples(40), deadline=None)
@given(runs() | st.lists(EVENTS, max_size=30), st.floats(0, 1))
def test_no_text_of_a_trace_steers_the_terminal(events: list[Event], part: float) -> None:
    record = record_of(node_started(0), *events, executed(0, 1, ALL))
    activity = Activity(record)
    activity.catch_up()
    scale = scale_to(record.time(record.last), 20)
    view = View(record=record, position=int(record.last * part), entry=None)
    for entry in record.entries[:5]:
        for column in range(20):
            for row in (Row(entry, 0), Row(entry, 0, (entry,))):
                text = tell_place(activity, view, row, scale, column)
                assert not OBEYED.search(text) and "\n" not in text
