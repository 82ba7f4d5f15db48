"""What the panes show of a moment is what they showed when that moment was the last one.

Left out are the time axis and the marks on it, which are those of the whole run at all times.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.style import Style

from rlm_runtime._events import Event
from rlm_runtime._tui.details.layout import Layout
from rlm_runtime._tui.details.moment import Moment
from rlm_runtime._tui.details.pages import PAGES
from rlm_runtime._tui.finding.matching import Matcher, Matches
from rlm_runtime._tui.finding.query import parse_query
from rlm_runtime._tui.record.node_counts import NodeCounts
from rlm_runtime._tui.record.record import Record
from rlm_runtime._tui.run_line import tell_run
from rlm_runtime._tui.tree.columns import choose_columns
from rlm_runtime._tui.tree.figures import figures_of
from rlm_runtime._tui.tree.line import Line, draw_line
from rlm_runtime._tui.tree.tally import Tallies
from rlm_runtime._tui.view import View
from tests._tui.made_up import honest, runs
from tests._tui.viewing import make_rows, record_of

_LINES = 60
_FILTERS = (
    "depth>0",
    "node>0",
    "status:running",
    "status:error",
    "kind:node model:mini",
    "cost>0.01 calls>1",
    "tokens>2000 iterations>1",
    "seconds>2",
    "tool:search",
    'text:"flood"',
)


@settings(deadline=None)
@given(runs(), st.floats(0, 1))
def test_no_row_of_the_tree_knows_what_comes(events: tuple[Event, ...], part: float) -> None:
    whole, until = _both(events, part)
    tallies = Tallies()
    _tree(_view(whole.record, whole.record.last), tallies)
    assert _tree(whole, tallies) == _tree(until, Tallies())


@settings(deadline=None)
@given(runs(), st.floats(0, 1), st.integers(0, 99))
def test_no_page_of_the_details_knows_what_comes(
    events: tuple[Event, ...], part: float, choice: int
) -> None:
    whole, until = _both(events, part)
    if until.record.entries:
        number = choice % len(until.record.entries)
        assert _pages(whole, number) == _pages(until, number)


@settings(deadline=None)
@given(runs(), st.floats(0, 1))
def test_the_line_at_the_top_does_not_know_what_comes(
    events: tuple[Event, ...], part: float
) -> None:
    whole, until = _both(events, part)
    # The id is that of the file, whatever the moment
    until.record.run = whole.record.run
    lines = [tell_run(view, NodeCounts(view.record)) for view in (whole, until)]
    assert lines[0] == lines[1]


@settings(deadline=None)
@given(runs(), st.floats(0, 1))
def test_no_filter_knows_what_comes(events: tuple[Event, ...], part: float) -> None:
    whole, until = _both(events, part)
    for text in _FILTERS:
        assert _matches(whole, text) == _matches(until, text), text


def test_no_node_is_found_by_its_number_before_it_begins() -> None:
    record = record_of(*honest(3, 0))
    child = record.entries[1]
    assert child.numbered is not None and child.began < child.numbered
    assert not _matches(_view(record, child.numbered - 1), "node>0").found
    assert _matches(_view(record, child.numbered), "node>0").found == {child.id}


def _matches(view: View, text: str) -> Matches:
    return Matcher(view.record, parse_query(text)).matches(view.position, is_over=False)


def _both(events: tuple[Event, ...], part: float) -> tuple[View, View]:
    """Show a moment of a whole run, and the last moment of one that has come so far."""
    position = int(part * len(events)) - 1
    return _view(record_of(*events), position), _view(record_of(*events[: position + 1]), position)


def _view(record: Record, position: int) -> View:
    rows = make_rows(record, position)
    return View(record=record, position=position, entry=None, rows=rows, state="growing")


def _tree(view: View, tallies: Tallies) -> list[str]:
    columns = choose_columns(160, heat=False, critical=False)
    rows = make_rows(view.record, view.position)
    lines = []
    for number, row in enumerate(rows):
        line = Line(
            row, figures_of(row, view, tallies), rows.guides(number, 9), position=view.position
        )
        lines.append(draw_line(line, columns, lambda _: Style()).text)
    return lines


def _pages(view: View, number: int) -> list[object]:
    moment = Moment(view, view.record.entries[number])
    told: list[object] = []
    for page in PAGES:
        layout = Layout(page.make(moment), 100)
        lines = (layout.line(y) for y in range(_LINES))
        told.append(
            (page.name, page.has_news(moment), [line and (line.text, line.spans) for line in lines])
        )
    return told
