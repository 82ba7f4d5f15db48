"""What a record tells of a moment is what it told when that moment was the last one."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from rlm_runtime._events import Event
from rlm_runtime._tui.record.entry import Entry, Span
from rlm_runtime._tui.record.record import Record
from rlm_runtime._tui.record.spending import Spending
from tests._cli.test_any_events import EVENTS
from tests._tui.made_up import runs
from tests._tui.viewing import record_of
from tests.examples import examples


@settings(deadline=None)
@given(runs(), st.floats(0, 1))
def test_no_moment_knows_what_came_after_it(events: tuple[Event, ...], part: float) -> None:
    position = int(part * len(events)) - 1
    assert _tell(record_of(*events), position) == _tell(
        record_of(*events[: position + 1]), position
    )


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(EVENTS, max_size=40), st.floats(0, 1))
def test_nor_does_it_in_a_trace_of_any_events(events: list[Event], part: float) -> None:
    position = int(part * len(events)) - 1
    assert _tell(record_of(*events), position) == _tell(
        record_of(*events[: position + 1]), position
    )


def _tell(record: Record, position: int) -> object:
    """Tell all that a record knows at a moment."""
    marks = record.marks
    return {
        "entries": [_tell_entry(one, position) for one in record.entries[: record.begun(position)]],
        "owners": [one and one.id for one in record.owners[: position + 1]],
        "ended": record.ended(position),
        "total": _tell_spending(record.total, position),
        "sessions": _until(record.sessions, position),
        "marks": [_until(one, position) for one in (marks.errors, marks.children, marks.answers)],
        "time": record.time(position),
    }


def _tell_entry(entry: Entry, position: int) -> object:
    return {
        "id": entry.id,
        "kind": entry.kind,
        "number": entry.number_at(position),
        "parent": entry.parent and entry.parent.id,
        "what": (entry.depth, entry.model, entry.query, entry.context, entry.sub_call),
        "place": (entry.began, entry.place),
        "state": (entry.state(position), entry.ended(position), entry.is_aside(position)),
        "iteration": entry.iteration(position),
        "own": _tell_spending(entry.own, position),
        "below": _tell_spending(entry.below, position),
        "children": [one.id for one in entry.children if one.began <= position],
        "events": _until(entry.events, position),
        "spans": [_tell_span(one, position) for one in entry.spans if one.began <= position],
    }


def _tell_span(span: Span, position: int) -> object:
    ended = span.ended is not None and span.ended <= position
    end = (span.end, span.failed) if ended else None
    return span.kind, span.number, span.iteration, span.began, span.start, end


def _tell_spending(spending: Spending, position: int) -> object:
    cost, known = spending.cost(position), spending.known_cost(position)
    return spending.calls(position), spending.tokens(position), cost, known


def _until(positions: list[int], position: int) -> list[int]:
    return [one for one in positions if one <= position]
