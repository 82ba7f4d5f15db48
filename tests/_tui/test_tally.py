from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from benchmarks._synthetic_run import synthetic_events
from rlm_runtime._events import Event, ModelReplied, ReplayDiverged, RunResumed
from rlm_runtime._tui.record.record import Record
from rlm_runtime._tui.record.spending import Spending
from rlm_runtime._tui.rows import Row
from rlm_runtime._tui.states import look_of
from rlm_runtime._tui.tree.layout import GroupKey
from rlm_runtime._tui.tree.tally import Tallies, Tally
from rlm_runtime._types import Usage
from tests._tui.test_rows import fan_out, node
from tests._tui.viewing import make_rows, record_of


def resumed_run() -> list[Event]:
    """Give the events of a run that went on differently from a block on."""
    events = list(synthetic_events(60))
    middle = len(events) // 2
    again = RunResumed(version="1", model="m", sub_model="m", limits={}, spent_seconds=0.0)
    diverged = ReplayDiverged(node=0, iteration=1, block=0, reason="another answer")
    unknown = [
        replace(one, cost=None) if isinstance(one, ModelReplied) and number > middle else one
        for number, one in enumerate(events)
    ]
    return [*unknown[: middle + 200], again, diverged, *unknown[middle + 200 :]]


def group_rows(record: Record, position: int) -> list[Row]:
    opened: set[GroupKey] = set()
    while True:
        rows = [row for row in make_rows(record, position, opened=opened) if row.key]
        if len(rows) == len(opened):
            return rows
        opened = {row.key for row in rows if row.key}


def check(tally: Tally, row: Row, position: int) -> None:
    """Compare a tally with sums over the members, the plain way."""
    members = row.group
    kinds = Counter(
        "aside" if one.is_aside(position) else look_of(one.state(position)).kind for one in members
    )
    assert tally.counts(position) == kinds
    assert tally.own.tokens(position) == sum(one.own.tokens(position) for one in members)
    assert tally.below.tokens(position) == sum(one.below.tokens(position) for one in members)
    costs = [one.below.cost(position) for one in members]
    assert (tally.below.cost(position) is None) == (None in costs)
    known = sum(one.below.known_cost(position) for one in members)
    assert tally.below.known_cost(position) == pytest.approx(known)
    if kinds["running"] or kinds["queued"]:
        assert tally.ended(position) is None
    elif not kinds["aside"]:
        assert tally.ended(position) == max(one.ended(position) or 0 for one in members)


def test_what_was_spent_is_given_time_by_time() -> None:
    spending = Spending()
    for position, cost in ((3, 0.5), (5, 0.25), (9, 1.0)):
        spending.add(position, Usage(calls=1, prompt_tokens=10, completion_tokens=1, cost=cost))
    assert list(spending.since(0)) == [(3, 11, 0.5), (5, 11, 0.25), (9, 11, 1.0)]
    assert list(spending.since(2)) == [(9, 11, 1.0)]


def test_a_tally_holds_at_every_position() -> None:
    record = record_of(*resumed_run())
    tallies, groups, asides = Tallies(), 0, 0
    for position in range(0, len(record.events), 97):
        for row in group_rows(record, position):
            check(tallies.of(row, record.last), row, position)
            groups += 1
            asides += any(one.is_aside(position) for one in row.group)
    assert groups > 50
    assert asides > 0


def test_a_tally_grows_with_its_record() -> None:
    record, tallies = Record(), Tallies()
    for number, event in enumerate(resumed_run()):
        record.add(event)
        if number % 61 == 0:
            for row in group_rows(record, record.last):
                check(tallies.of(row, record.last), row, record.last)


def test_a_filter_that_lets_other_members_through_changes_the_tally() -> None:
    record, tallies = record_of(node(0), *fan_out(30)), Tallies()
    for matches in ({0, *range(1, 14)}, {0, *range(1, 20)}, {0, *range(3, 18)}, set(range(31))):
        row = make_rows(record, record.last, matches=matches)[1]
        check(tallies.of(row, record.last), row, record.last)
