from __future__ import annotations

import math

import pytest
from rich.cells import cell_len
from rich.style import Style

from rlm_runtime._events import (
    Event,
    ModelReplied,
    ModelRequested,
    NodeEnded,
    NodeStarted,
    ReplayDiverged,
    RunResumed,
    SubCallEnded,
)
from rlm_runtime._tui.record.record import Record
from rlm_runtime._tui.states import StateKind
from rlm_runtime._tui.tree.columns import choose_columns
from rlm_runtime._tui.tree.figures import Figures, figures_of, shares_of
from rlm_runtime._tui.tree.heat import heat_bar, heat_level
from rlm_runtime._tui.tree.line import Line, arrow_column, draw_line, draw_titles, most_guides
from rlm_runtime._tui.tree.members import tell_members
from rlm_runtime._tui.tree.tally import Tallies
from rlm_runtime._tui.view import Heat, View
from tests._tui.test_rows import ask, fan_out, node
from tests._tui.viewing import make_rows, record_of
from tests.hostile_text import ALL, OBEYED


def spent(call: int, of: int, cost: float | None, tokens: int = 10, mono: float = 0.0) -> Event:
    return ModelReplied(
        node=of,
        call=call,
        text="",
        reasoning="",
        finish_reason="stop",
        prompt_tokens=tokens,
        cached_tokens=0,
        completion_tokens=0,
        reasoning_tokens=0,
        cost=cost,
        seconds=1.0,
        seconds_to_first_token=None,
        attempts=1,
        model="m",
        mono=mono,
    )


def asked(call: int, of: int, sub_call: int | None = None, mono: float = 0.0) -> Event:
    return ModelRequested(
        node=of,
        call=call,
        model="m",
        iteration=None if sub_call is not None else 1,
        messages=(),
        sub_call=sub_call,
        key="",
        mono=mono,
    )


def ended(sub_call: int, stop: str = "answered", mono: float = 0.0) -> Event:
    return SubCallEnded(
        node=0,
        sub_call=sub_call,
        stop_reason=stop,  # type: ignore[arg-type]  # what a forged trace has
        answer="",
        answer_type="str",
        error=None,
        seconds=0.0,
        mono=mono,
    )


def view_at(record: Record, position: int | None = None, heat: Heat = "off") -> View:
    at = record.last if position is None else position
    rows = make_rows(record, at)
    return View(record=record, position=at, entry=None, rows=rows, heat=heat, state="growing")


def told(view: View, number: int) -> Figures:
    return figures_of(view.rows[number], view, Tallies())


def drawn(view: View, number: int, width: int = 120) -> str:
    row, figures = view.rows[number], told(view, number)
    columns = choose_columns(width, heat=view.heat != "off", critical=bool(view.critical))
    guides = make_rows(view.record, view.position).guides(number, most_guides(columns.name_width))
    line = Line(
        row=row,
        figures=figures,
        guides=guides,
        shares=shares_of(figures, view),
        heat=view.heat,
        is_selected=True,
    )
    strip = draw_line(line, columns, lambda _: Style())
    assert cell_len(strip.text) == width
    return strip.text


def test_a_row_tells_what_was_spent_up_to_the_moment() -> None:
    record = record_of(
        node(0), asked(1, 0), spent(1, 0, 0.5, 1000), ask(7), asked(2, 0, 7), spent(2, 0, 0.25, 500)
    )
    first, last = told(view_at(record, 3), 0), told(view_at(record), 0)
    assert (first.own_cost, first.cost, first.tokens) == (0.5, 0.5, 1000)
    assert (last.own_cost, last.cost, last.own_tokens, last.tokens) == (0.5, 0.75, 1000, 1500)


def test_a_cost_that_nobody_knows_is_not_zero() -> None:
    record = record_of(node(0), asked(1, 0), spent(1, 0, None))
    assert " ? " in drawn(view_at(record), 0)


def test_the_time_of_a_row_ends_with_it() -> None:
    record = record_of(
        NodeStarted(
            node=0, parent=None, depth=0, model="m", query="q", context="", sub_call=None, mono=1.0
        ),
        asked(1, 0, mono=3.0),
        NodeEnded(
            node=0, stop_reason="answered", answer="", answer_type="str", error=None, mono=5.0
        ),
        spent(1, 0, 0.1, mono=9.0),
    )
    assert told(view_at(record, 1), 0).seconds == 2.0
    assert told(view_at(record, 3), 0).seconds == 4.0


def test_a_group_tells_sums_and_what_its_members_are() -> None:
    events: list[Event] = [node(0), *fan_out(14)]
    for number in range(14):
        events += [asked(number, 0, number), spent(number, 0, 0.01, 100)]
    events += [ended(0), ended(1), ended(2, "model_error"), ended(3, "max_cost")]
    record = record_of(*events)
    view = view_at(record)
    figures = told(view, 1)
    assert dict(figures.counts) == {"answered": 2, "error": 1, "limit": 1, "running": 10}
    assert figures.state == "running"
    assert figures.tokens == 1400
    assert figures.cost == pytest.approx(0.14)
    text = drawn(view, 1)
    assert "llm_query ×14" in text
    assert all(part in text for part in ("2✓", "1✗", "1■", "10▶", "$0.1400", "1.4k"))


@pytest.mark.parametrize(
    ("room", "text"),
    [
        (40, "llm_query ×14  2✓ 1■ 1✗ 10▶"),
        (27, "llm_query ×14  2✓ 1■ 1✗ 10▶"),
        (26, "llm_query ×14 2✓ 1■ 1✗ 10▶"),
        (25, "×14 2✓ 1■ 1✗ 10▶"),
        (16, "×14 2✓ 1■ 1✗ 10▶"),
        # What went wrong is worth more than what goes on, and that than what is over
        (15, "×14 1■ 1✗ 10▶…"),
        (13, "×14 1■ 1✗…"),
        (9, "×14 1✗…"),
        (0, "×14 1✗…"),
    ],
)
def test_a_group_keeps_what_tells_the_most_in_little_room(room: int, text: str) -> None:
    counts: list[tuple[StateKind, int]] = [
        ("answered", 2),
        ("limit", 1),
        ("error", 1),
        ("running", 10),
    ]
    assert "".join(part for part, _ in tell_members("llm_query", 14, counts, room)) == text


def test_a_group_of_one_kind_keeps_its_word() -> None:
    for room, text in [(18, "node ×999  999✓"), (14, "node ×999 999✓"), (13, "node ×999")]:
        told = tell_members("node", 999, [("answered", 999)], room)
        assert "".join(part for part, _ in told) == text


def test_a_group_in_a_narrow_tree_tells_of_its_errors() -> None:
    events: list[Event] = [node(0), *fan_out(14), *(ended(number) for number in range(10))]
    view = view_at(record_of(*events, ended(10, "model_error")))
    shown = drawn(view, 1, 38)
    assert "×14 10✓ 1✗ 3○ " in shown


def test_what_was_put_aside_is_told_apart() -> None:
    record = record_of(
        node(0),
        ask(1),
        RunResumed(version="1", model="m", sub_model="m", limits={}, spent_seconds=0.0),
        ReplayDiverged(node=0, iteration=-1, block=0, reason="another answer"),
    )
    assert told(view_at(record, 2), 1).state == "queued"
    assert told(view_at(record), 1).state == "aside"
    assert "~ llm_query put aside" in drawn(view_at(record), 1)


@pytest.mark.parametrize("width", [1, 8, 20, 27, 40, 60, 80, 120, 200])
def test_columns_fit_and_leave_room_for_names(width: int) -> None:
    for heat in (False, True):
        columns = choose_columns(width, heat=heat, critical=heat)
        assert columns.name_width + sum(one.width + 1 for one in columns.chosen) == width
        assert columns.name_width >= min(width, 16)
        titles = draw_titles(columns, "rows", lambda _: Style())
        assert cell_len(titles.text) == width


def test_a_narrow_pane_keeps_cost_and_time_and_a_wide_one_has_all() -> None:
    narrow = choose_columns(39, heat=False, critical=False)
    assert [one.name for one in narrow.chosen] == ["cost", "time"]
    wide = choose_columns(120, heat=True, critical=True)
    assert len(wide.chosen) == 9


def test_heat_is_the_share_of_the_run() -> None:
    record = record_of(
        node(0), asked(1, 0), spent(1, 0, 0.25), ask(7), asked(2, 0, 7), spent(2, 0, 0.75)
    )
    view = view_at(record, heat="cost")
    assert shares_of(told(view, 0), view) == (0.25, 1.0)
    assert shares_of(told(view, 1), view) == (0.75, 0.75)
    assert "█████" in drawn(view, 0)
    assert "███▊" in drawn(view, 1)
    nothing = view_at(record_of(node(0)), heat="time")
    assert shares_of(told(nothing, 0), nothing) == (0.0, 0.0)


def test_a_bar_is_as_long_as_the_share() -> None:
    assert heat_bar(0.0, 0.0, 4) == ("", "")
    assert heat_bar(1.0, 1.0, 4) == ("████", "")
    assert heat_bar(0.5, 1.0, 4) == ("██", "██")
    assert heat_bar(0.3, 0.3, 4) == ("█▎", "")
    assert heat_bar(0.0, 0.001, 4) == ("", "▏")
    assert "".join(heat_bar(0.3, 0.53, 4)) == "██▏"
    assert [heat_level(share) for share in (0.05, 0.2, 0.5)] == [0, 1, 2]


def test_the_critical_path_has_a_mark_and_its_seconds() -> None:
    record = record_of(node(0), ask(1))
    view = view_at(record)
    marked = View(
        record=record, position=1, entry=None, rows=view.rows, critical={1: 2.5}, state="growing"
    )
    assert "◆2.5 s" in drawn(marked, 1)
    assert "◆" not in drawn(marked, 0)


def test_guides_join_rows_and_are_bounded_where_it_is_deep() -> None:
    chain = [node(0), *(node(n, parent=n - 1) for n in range(1, 400)), ask(1, of=0)]
    view = view_at(record_of(*chain))
    assert drawn(view, 0).startswith("▌▾▶ 0 root")
    assert drawn(view, 1).startswith("▌├─▾▶ 1 node")
    assert drawn(view, 400).startswith("▌└──○ llm_query")
    deep = drawn(view, 399, width=60)
    assert deep.startswith("▌⋯3")
    assert "399 node" in deep


def test_the_arrow_is_where_it_is_drawn() -> None:
    view = view_at(record_of(node(0), node(1, parent=0), ask(1, of=1)))
    line = Line(row=view.rows[1], figures=told(view, 1), guides=[False])
    assert drawn(view, 1)[arrow_column(line)] == "▾"


@pytest.mark.parametrize("width", [1, 2, 5, 20, 60, 120])
@pytest.mark.parametrize("text", [ALL, "漢字🎉" * 100, "e\u0301" * 100, "👩‍👩‍👧" * 50, "\t\n \r"])
def test_hostile_texts_keep_to_their_cells(text: str, width: int) -> None:
    record = record_of(
        NodeStarted(
            node=10**30,
            parent=None,
            depth=-5,
            model=text,
            query=text,
            context=text,
            sub_call=None,
            mono=math.nan,
        ),
        NodeEnded(
            node=10**30,
            stop_reason=text,  # type: ignore[arg-type]  # what a forged trace has
            answer="",
            answer_type="",
            error=None,
        ),
    )
    shown = drawn(view_at(record), 0, width)
    assert not OBEYED.search(shown)
    assert "\n" not in shown
