from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.pilot import Pilot

from benchmarks._synthetic_run import synthetic_events
from rlm_runtime._events import Event
from rlm_runtime._tui.record.record import Record
from rlm_runtime._tui.seek_bar import SeekBar, find_marks, tell
from rlm_runtime._tui.timescale import TimeScale, scale_to
from rlm_runtime._tui.view import View
from tests._cli.events import attempt_failed, node_ended, node_started, requested, run_started
from tests._tui.made_up import runs
from tests._tui.test_critical_path import TWO_CHILDREN, at
from tests._tui.viewing import open_viewer, record_of, settle, viewer_of, write
from tests.examples import examples

pytestmark = pytest.mark.anyio


def bar_of(pilot: Pilot[None]) -> SeekBar:
    return pilot.app.query_one(SeekBar)


def line(pilot: Pilot[None], y: int = 0) -> str:
    return bar_of(pilot).render_line(y).text


def words(record: Record, position: int, **state: object) -> str:
    view = View(record=record, position=position, entry=None, **state)  # type: ignore[arg-type]  # any of its fields
    return "".join(text for text, _ in tell(view))


def test_errors_outdo_answers_and_those_outdo_children() -> None:
    record = record_of(
        at(0, run_started()),
        at(0, node_started(0)),
        at(1, node_started(1, 0)),
        at(2, node_started(2, 0)),
        at(2, node_ended(2)),
        at(4, requested(0, 1)),
        at(5, node_started(3, 0)),
        at(5, node_ended(3)),
        attempt_failed(0, 1, 1, wait=None, at=5),
    )
    marks = find_marks(record, record.marks, TimeScale(0, 6, 6))
    assert marks == ["", "child", "answer", "", "", "error"]


@settings(max_examples=examples(40), deadline=None)
@given(runs(), st.integers(1, 50))
def test_every_mark_is_in_the_column_of_its_time(events: tuple[Event, ...], width: int) -> None:
    record = record_of(*events)
    scale = scale_to(record.time(record.last), width)
    marks = find_marks(record, record.marks, scale)
    errors = {scale.column(record.time(position)) for position in record.marks.errors}
    assert {column for column, name in enumerate(marks) if name == "error"} == errors


def test_what_is_told_of_the_moment() -> None:
    record = record_of(*TWO_CHILDREN)
    assert words(record, 4) == " ‖ 1×   5.00s / 12.00s  event  5 of 13"
    assert words(record, 4, playing=True, speed=0.5).startswith(" ▶ 0.5×")
    assert words(record, 4, following=True, state="growing").startswith(" ● LIVE")
    assert words(record, 4, following=True, state="still").startswith(" ● FOLLOW")
    assert words(record, 4, skip_idle=True).endswith("idle skipped")


def test_only_errors_that_have_happened_are_counted() -> None:
    record = record_of(*synthetic_events(3))
    first = record.marks.errors[0]
    assert "✗" not in words(record, first - 1)
    assert "✗ 1" in words(record, first)


async def test_the_bar_shows_where_the_moment_is(tmp_path: Path) -> None:
    async with open_viewer(await write(tmp_path, *TWO_CHILDREN)) as pilot:
        await pilot.press("home")
        await settle(pilot)
        assert line(pilot)[0] == "┃" and "━" not in line(pilot)
        # What is to come can be seen, as one goes there with the bar
        assert {"✓", "╷"} <= set(line(pilot))
        await pilot.press("end")
        await settle(pilot)
        assert line(pilot)[-1] == "┃" and "─" not in line(pilot)
        assert "event 13 of 13" in line(pilot, 1)


async def test_a_click_goes_there_and_dragging_goes_on(tmp_path: Path) -> None:
    async with open_viewer(await write(tmp_path, *TWO_CHILDREN)) as pilot:
        viewer = viewer_of(pilot)
        await pilot.mouse_down("#seek", offset=(60, 0))
        await settle(pilot)
        assert viewer.view.seconds == 6
        await pilot.hover("#details", offset=(95, 1))
        await settle(pilot)
        assert viewer.view.seconds == 9
        await pilot.mouse_up("#seek", offset=(95, 1))
        await pilot.hover("#seek", offset=(10, 0))
        await pilot.click("#seek", offset=(10, 1))
        await settle(pilot)
        assert viewer.view.seconds == 9


async def test_words_and_bar_share_a_line_where_there_is_one(tmp_path: Path) -> None:
    async with open_viewer(await write(tmp_path, *TWO_CHILDREN)) as pilot:
        bar_of(pilot).styles.height = 1
        await pilot.press("end")
        await settle(pilot)
        assert "event 13 of 13  ━" in line(pilot) and line(pilot)[-1] == "┃"
        await pilot.click("#seek", offset=(3, 0))
        await settle(pilot)
        assert viewer_of(pilot).view.position == 12
        await pilot.click("#seek", offset=(len(line(pilot).split("━")[0]), 0))
        await settle(pilot)
        assert viewer_of(pilot).view.position == 0


@pytest.mark.parametrize("width", [20, 80, 240])
async def test_the_bar_is_as_wide_as_the_screen(tmp_path: Path, width: int) -> None:
    path = await write(tmp_path, *synthetic_events(4))
    async with open_viewer(path, size=(width, 24)) as pilot:
        bar = bar_of(pilot)
        for height in (2, 1):
            bar.styles.height = height
            await settle(pilot)
            assert {bar.render_line(y).cell_length for y in range(height)} == {bar.size.width}


async def test_a_bar_without_events(tmp_path: Path) -> None:
    async with open_viewer(await write(tmp_path)) as pilot:
        await pilot.click("#seek", offset=(5, 0))
        await settle(pilot)
        assert "event 0 of 0" in line(pilot, 1)
