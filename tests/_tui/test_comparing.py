from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from rich.style import Style
from textual.pilot import Pilot
from textual.widgets import Input

from benchmarks._synthetic_run import RUN, synthetic_events
from rlm_runtime._events import CodeExecuted, Event, ModelReplied, RunForked, RunStarted
from rlm_runtime._tui.comparing import loading
from rlm_runtime._tui.comparing.align import align
from rlm_runtime._tui.comparing.asking import AskRun, forked_from
from rlm_runtime._tui.comparing.differences import Differences
from rlm_runtime._tui.comparing.screen import Comparing
from rlm_runtime._tui.comparing.side_by_side import _marked, _pieces
from rlm_runtime._tui.source import open_source
from tests._tui.viewing import open_viewer, record_of, screen_text, settle, viewer_of, write
from tests.hostile_text import ALL, OBEYED

pytestmark = pytest.mark.anyio

EVENTS = tuple(synthetic_events(6))
REPLIES = [at for at, event in enumerate(EVENTS) if isinstance(event, ModelReplied)]
Change = Callable[[int, Event], Event]


def other_reply(at: int, event: Event) -> Event:
    """Change one reply, and what the run was called."""
    if isinstance(event, ModelReplied) and at == REPLIES[3]:
        return replace(event, text="SOMETHING ELSE\nentirely")
    return replace(event, run="other") if isinstance(event, RunStarted) else event


@asynccontextmanager
async def compare(
    folder: Path, change: Change = other_reply, *, size: tuple[int, int] = (120, 40)
) -> AsyncIterator[Pilot[None]]:
    """Open the viewer on a run, and compare it with a changed one."""
    path = await write(folder, *EVENTS, run=RUN)
    await write(folder, *(change(at, event) for at, event in enumerate(EVENTS)), run="other")
    async with open_viewer(path, size=size) as pilot:
        await pilot.press("d")
        await settle(pilot)
        await pilot.press(*"other", "enter")
        await shown(pilot, "B−A")
        yield pilot


async def shown(pilot: Pilot[None], text: str) -> str:
    """Wait until a text is on the screen."""
    with anyio.fail_after(20):
        while text not in (screen := screen_text(pilot)):
            await pilot.pause(0.01)
    return screen


def selected(pilot: Pilot[None]) -> int:
    return pilot.app.screen.query_one(Differences).number


async def test_the_first_difference_of_two_runs_is_shown(tmp_path: Path) -> None:
    async with compare(tmp_path) as pilot:
        screen = await shown(pilot, "+ SOMETHING ELSE")
        head = screen.splitlines()
        assert RUN in head[0] and "✓ answered" in head[0]
        assert "other" in head[1]
        assert "first: node" in head[2] and "reply" in head[2]
        assert "1 of" in head[2]
        assert any(line.startswith("≠") and "reply" in line for line in head)
        assert any(line.startswith("=") and "the same" in line for line in head)


async def test_enter_shows_the_moment_in_the_viewer(tmp_path: Path) -> None:
    async with compare(tmp_path) as pilot:
        await pilot.press("enter")
        await settle(pilot)
        viewer = viewer_of(pilot)
        assert not isinstance(viewer.screen, Comparing)
        assert viewer.view.position == REPLIES[3]
        assert viewer.entry is viewer.record.owners[REPLIES[3]]


async def test_what_is_shown_in_the_viewer_is_in_sight_there(tmp_path: Path) -> None:
    async with compare(tmp_path) as pilot:
        viewer = viewer_of(pilot)
        owner = viewer.record.owners[REPLIES[3]]
        assert owner is not None and owner.parent is not None
        viewer.folded.add(owner.parent.id)
        await pilot.press("enter")
        await settle(pilot)
        assert viewer.view.rows[viewer.view.row].entry is owner


@pytest.mark.parametrize("key", ["escape", "q"])
async def test_going_back_leaves_the_viewer_as_it_was(tmp_path: Path, key: str) -> None:
    async with compare(tmp_path) as pilot:
        await pilot.press(key)
        await settle(pilot)
        viewer = viewer_of(pilot)
        assert not isinstance(viewer.screen, Comparing)
        assert viewer.is_running and viewer.view.position == viewer.record.last


async def test_keys_go_from_difference_to_difference(tmp_path: Path) -> None:
    def change(at: int, event: Event) -> Event:
        return replace(event, text="x") if isinstance(event, ModelReplied) else event

    async with compare(tmp_path, change) as pilot:
        first = selected(pilot)
        await pilot.press("n")
        await settle(pilot)
        second = selected(pilot)
        await pilot.press("n", "N")
        await settle(pilot)
        assert first < second == selected(pilot)


async def test_keys_move_through_the_rows(tmp_path: Path) -> None:
    async with compare(tmp_path) as pilot:
        await pilot.press("g")
        await settle(pilot)
        assert selected(pilot) == 0
        await pilot.press("down")
        await settle(pilot)
        assert selected(pilot) == 1
        await pilot.press("up", "G")
        await settle(pilot)
        last = selected(pilot)
        assert last > 3
        await pilot.press("pageup")
        await settle(pilot)
        assert selected(pilot) < last
        await pilot.press("pagedown")
        await settle(pilot)
        assert selected(pilot) == last


async def test_a_click_selects_a_row(tmp_path: Path) -> None:
    async with compare(tmp_path) as pilot:
        await pilot.click(Differences, offset=(4, 1))
        await settle(pilot)
        assert selected(pilot) == 1


async def test_all_that_is_the_same_can_be_shown(tmp_path: Path) -> None:
    async with compare(tmp_path) as pilot:
        before = selected(pilot)
        await pilot.press("u")
        with anyio.fail_after(20):
            while selected(pilot) == before:
                await pilot.pause(0.01)
        assert "the same" not in screen_text(pilot).split("reply (different)")[0].split("\n", 3)[3]
        await pilot.press("u")
        with anyio.fail_after(20):
            while selected(pilot) != before:
                await pilot.pause(0.01)


async def test_the_texts_are_one_below_the_other_where_there_is_little_room(
    tmp_path: Path,
) -> None:
    async with compare(tmp_path, size=(80, 24)) as pilot:
        await shown(pilot, "reply (different)")
        await pilot.press("tab", "G")
        lines = (await shown(pilot, "+ entirely")).splitlines()
        assert any(line.startswith("+ entirely") for line in lines)
        await pilot.press("g")
        await settle(pilot)
        assert any(line.startswith("−") for line in screen_text(pilot).splitlines()[14:])


async def test_a_difference_at_the_end_of_a_long_text_is_found(tmp_path: Path) -> None:
    def long(at: int, event: Event, end: str) -> Event:
        if isinstance(event, CodeExecuted) and event.node == 1 and event.iteration == 1:
            return replace(event, stdout="x" * 40_000 + end)
        return event

    path = await write(tmp_path, *(long(0, event, "a") for event in EVENTS), run="one")
    await write(tmp_path, *(long(0, event, "b") for event in EVENTS), run="other")
    async with open_viewer(path) as pilot:
        await pilot.press("d")
        await settle(pilot)
        await pilot.press(*"other", "enter")
        screen = await shown(pilot, "first: node 1, iteration 1: output")
        assert "  ·  1 of" in screen
        await pilot.press("tab", "G")
        await shown(pilot, "xb")


async def test_only_so_many_long_texts_are_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "_MOST_LOOKED_UP", 1)
    long = [
        replace(event, stdout="x" * 20_000) if isinstance(event, CodeExecuted) else event
        for event in EVENTS
    ]
    path = await write(tmp_path, *long, run="one")
    async with open_source(path) as source:
        record, _ = await loading.read_all(source, lambda _: None)
        alignment = align(record, record)
        unsure = sum(step.unsure for pair in alignment.pairs for step in pair.steps)
        left = await loading.look_closer(alignment, record, record, source, source)
        assert left == unsure - 1 > 1
        assert sum(step.unsure for pair in alignment.pairs for step in pair.steps) == left


def test_a_row_holds_only_so_many_characters_that_take_no_room() -> None:
    (row, *_) = pieces = _pieces(0, "a", "e" + "\u0301" * 10_000, 40)
    assert row[3] - row[2] <= 400
    assert pieces[-1][3] == 10_001


def test_the_marks_of_a_row_are_those_that_are_in_it() -> None:
    plain, word = Style(bold=True), Style(italic=True)
    line, marks = "0123456789", ((1, 4), (6, 9))
    for start in range(10):
        for end in range(start, 11):
            pieces = _marked(line, start, end, marks, plain, word)
            assert "".join(piece.text for piece in pieces) == line[start:end]
            marked = "".join(piece.text for piece in pieces if piece.style == word)
            assert marked == "".join(
                line[at] for at in range(start, end) if at in (1, 2, 3, 6, 7, 8)
            )


async def test_the_selected_row_is_in_sight_on_a_small_screen(tmp_path: Path) -> None:
    async with compare(tmp_path, size=(80, 24)) as pilot:
        await shown(pilot, "reply (different)")
        differences = pilot.app.screen.query_one(Differences)
        row = differences.number - round(differences.scroll_y)
        assert 0 <= row < differences.size.height
        assert not differences.show_horizontal_scrollbar


async def test_hostile_texts_do_nothing_to_the_terminal(tmp_path: Path) -> None:
    def change(at: int, event: Event) -> Event:
        if isinstance(event, RunStarted):
            return replace(event, run=ALL, model=ALL, settings=ALL)
        return replace(event, text=ALL * 3) if isinstance(event, ModelReplied) else event

    async with compare(tmp_path, change) as pilot:
        await shown(pilot, "reply (different)")
        for _ in range(3):
            assert not OBEYED.search(screen_text(pilot).replace("\n", ""))
            await pilot.press("g", "down")
            await settle(pilot)


async def test_a_run_that_is_not_there_is_asked_for_again(tmp_path: Path) -> None:
    path = await write(tmp_path, *EVENTS, run=RUN)
    async with open_viewer(path) as pilot:
        await pilot.press("d")
        await settle(pilot)
        await pilot.press(*"nowhere", "enter")
        await shown(pilot, "Cannot find run 'nowhere'")
        await pilot.press("escape")
        await settle(pilot)
        assert not isinstance(pilot.app.screen, AskRun)


async def test_a_file_that_is_no_trace_is_told_of(tmp_path: Path) -> None:
    path = await write(tmp_path / "runs", *EVENTS, run=RUN)
    bad = tmp_path / "bad"
    bad.write_bytes(b"no trace at all")
    async with open_viewer(path) as pilot:
        viewer_of(pilot).compare_with(bad)
        assert "Cannot read" in await shown(pilot, "Cannot")
        await pilot.press("n", "enter", "u", "q")
        await settle(pilot)
        assert not isinstance(pilot.app.screen, Comparing)


async def test_the_run_that_it_was_forked_from_is_offered(tmp_path: Path) -> None:
    forked = RunForked(run="fork", parent="origin", node=0, iteration=1, say="")
    path = await write(tmp_path, *EVENTS, forked, run="fork")
    await write(tmp_path, *EVENTS, run="origin")
    async with open_viewer(path) as pilot:
        await pilot.press("d")
        await settle(pilot)
        assert pilot.app.screen.query_one(Input).value == "origin"
        await pilot.press("enter")
        await shown(pilot, "B−A")


@pytest.mark.parametrize("parent", ["../../etc/passwd", "a\x1b[31mb", "x" * 5000, ""])
def test_a_forged_origin_is_not_offered(parent: str) -> None:
    forked = RunForked(run="fork", parent=parent, node=0, iteration=1, say="")
    assert forked_from(record_of(*EVENTS, forked)) == ""
