from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from textual.events import Paste
from textual.pilot import Pilot
from textual.widgets import Input

from benchmarks._synthetic_run import synthetic_events
from rlm_runtime._events import Event, SandboxLost
from rlm_runtime._trace.writer import open_trace_writer
from rlm_runtime._tui.app import Viewer
from rlm_runtime._tui.go_to import GoTo
from rlm_runtime._tui.playback import SPEEDS
from tests._tui.viewing import open_viewer, screen_text, settle, viewer_of, write
from tests.hostile_text import ALL

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def _open(tmp_path: Path, *events: Event) -> AsyncIterator[tuple[Pilot[None], Viewer]]:
    path = await write(tmp_path, *(events or synthetic_events(8)))
    async with open_viewer(path) as pilot:
        await pilot.press("home")
        yield pilot, viewer_of(pilot)


def _moments(*times: float) -> list[Event]:
    return [SandboxLost(node=0, reason="", mono=time) for time in times]


async def _wait_until(pilot: Pilot[None], reached: Callable[[], bool]) -> None:
    """Wait, but not as long as a run that is played too slowly takes."""
    with anyio.fail_after(20):
        while not reached():
            await pilot.pause(0.01)


def _is(viewer: Viewer, position: int) -> Callable[[], bool]:
    return lambda: viewer.position == position


async def test_events_are_stepped(tmp_path: Path) -> None:
    async with _open(tmp_path) as (pilot, viewer):
        await pilot.press("right", "right", "right", "left")
        await settle(pilot)
        assert viewer.view.position == 2
        await pilot.press("home", "left")
        assert viewer.position == 0
        await pilot.press("end", "right")
        assert viewer.position == viewer.record.last


async def test_events_of_the_selected_entry_are_stepped(tmp_path: Path) -> None:
    async with _open(tmp_path) as (pilot, viewer):
        entry = viewer.record.entries[2]
        viewer.select(entry)
        await pilot.press("full_stop", "full_stop", "full_stop", "comma")
        assert viewer.position == entry.events[1]
        assert viewer.entry is entry


async def test_iterations_of_the_selected_entry_are_stepped(tmp_path: Path) -> None:
    async with _open(tmp_path) as (pilot, viewer):
        entry = viewer.record.entries[1]
        viewer.select(entry)
        await pilot.press(*["shift+right"] * 3, "shift+left")
        assert viewer.position == entry.iterations[0][0]
        assert entry.iteration(viewer.position) == 1
        await pilot.press("shift+right")
        assert entry.iteration(viewer.position) == 2


@pytest.mark.parametrize(
    ("key", "back", "kind"), [("e", "E", "errors"), ("c", "C", "children"), ("a", "A", "answers")]
)
async def test_jumps_go_to_marks_and_select_their_entry(
    tmp_path: Path, key: str, back: str, kind: str
) -> None:
    async with _open(tmp_path) as (pilot, viewer):
        marks = getattr(viewer.record.marks, kind)
        await pilot.press("t", key, key, back)
        assert viewer.position == marks[0]
        assert viewer.entry is viewer.record.owners[marks[0]]
        name = "child" if key == "c" else kind[:-1]
        assert f"The last {name}" not in screen_text(pilot)
        await pilot.press(back)
        await settle(pilot)
        assert viewer.position == marks[-1]
        assert f"The last {name}" in screen_text(pilot)
        await pilot.press("end", key, key)
        assert viewer.position in (marks[0], marks[1])
        assert viewer.entry is viewer.record.owners[viewer.position]
        assert f"The first {name}" in screen_text(pilot)


async def test_a_notice_is_told_once_however_often_the_key_is_pressed(tmp_path: Path) -> None:
    async with _open(tmp_path, *_moments(0, 1)) as (pilot, _):
        await pilot.press("a", "a", "a", "a", "c", "C")
        await settle(pilot)
        assert screen_text(pilot).count("No answer") == 1
        assert screen_text(pilot).count("No child") == 1


async def test_a_notice_covers_neither_the_bar_nor_what_is_typed(tmp_path: Path) -> None:
    async with _open(tmp_path, *_moments(0, 1)) as (pilot, _):
        before = screen_text(pilot).split("\n")
        await pilot.press("a")
        await settle(pilot)
        after = screen_text(pilot).split("\n")
        assert "No answer" in "\n".join(after)
        assert after[-3:] == before[-3:]
        await pilot.press("slash", "x")
        await settle(pilot)
        line = screen_text(pilot).split("\n")[-4]
        assert line.startswith("/") and "▌" not in line


async def test_the_selection_goes_along_unless_told_to_stay(tmp_path: Path) -> None:
    async with _open(tmp_path) as (pilot, viewer):
        at = viewer.record.entries[1].began
        viewer.move_to(at - 1)
        await pilot.press("right")
        assert viewer.entry is viewer.record.entries[1]
        viewer.select(viewer.record.roots[0])
        await pilot.press("left", "t", "right")
        assert viewer.position == at
        assert viewer.entry is viewer.record.roots[0]
        await settle(pilot)
        assert "The selection stays" in screen_text(pilot)


async def test_space_plays_to_the_end_and_again_from_the_start(tmp_path: Path) -> None:
    async with _open(tmp_path, *_moments(0, 0.05, 2)) as (pilot, viewer):
        await pilot.press("space")
        await _wait_until(pilot, lambda: viewer.position == 2 and not viewer.playing)
        await pilot.press("space")
        await _wait_until(pilot, lambda: viewer.position < 2 and viewer.playing)
        await _wait_until(pilot, _is(viewer, 2))


async def test_space_pauses_and_so_does_a_step(tmp_path: Path) -> None:
    async with _open(tmp_path, *_moments(0, 5000, 6000)) as (pilot, viewer):
        await pilot.press("space")
        assert viewer.playing
        await pilot.press("space")
        assert not viewer.playing
        assert viewer._play_timer is None
        await pilot.press("space", "right")
        assert not viewer.playing
        assert viewer.position == 1


async def test_idle_time_is_skipped_if_asked_for(tmp_path: Path) -> None:
    async with _open(tmp_path, *_moments(0, 5000, 10_000)) as (pilot, viewer):
        await pilot.press("i", "space")
        await _wait_until(pilot, _is(viewer, 2))
        await pilot.press("i")
        await settle(pilot)
        assert not viewer.view.skip_idle


async def test_a_moment_that_is_sought_is_played_from(tmp_path: Path) -> None:
    async with _open(tmp_path, *_moments(0, 5000, 5000.1, 9000)) as (pilot, viewer):
        await pilot.press("space")
        await _wait_until(pilot, lambda: viewer._playback is not None)
        viewer.move_to(1)
        await _wait_until(pilot, _is(viewer, 2))
        assert viewer.playing


async def test_brackets_change_the_speed(tmp_path: Path) -> None:
    async with _open(tmp_path, *_moments(0, 1)) as (pilot, viewer):
        await pilot.press("right_square_bracket")
        assert viewer.speed == 2
        viewer.speed = SPEEDS[-2]
        await pilot.press("right_square_bracket", "right_square_bracket")
        assert viewer.speed == SPEEDS[-1]
        viewer.speed = 1.0
        await pilot.press("left_square_bracket", "left_square_bracket")
        assert viewer.speed == SPEEDS[0]


async def test_a_faster_run_gets_farther(tmp_path: Path) -> None:
    async with _open(tmp_path, *_moments(0, 40, 9000)) as (pilot, viewer):
        viewer.speed = 64.0
        await pilot.press("space")
        await _wait_until(pilot, _is(viewer, 1))


async def test_a_viewer_that_was_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    async with _open(tmp_path, *_moments(0, 3000, 9000)) as (pilot, viewer):
        await pilot.press("space")
        viewer._ticked_at -= 3600
        viewer._tick()
        assert viewer.position == 0


async def test_playing_a_growing_run_catches_up_and_follows(tmp_path: Path) -> None:
    async with open_trace_writer(tmp_path, "run") as writer:
        for event in _moments(0, 0.05, 0.1):
            writer.write(event)
        await writer.wait_written()
        async with open_viewer(writer.path) as pilot:
            viewer = viewer_of(pilot)
            await pilot.press("home", "space")
            await _wait_until(pilot, lambda: viewer.following and not viewer.playing)
            writer.write(SandboxLost(node=0, reason="", mono=7.0))
            await _wait_until(pilot, _is(viewer, 3))


@pytest.mark.parametrize("key", ["colon", "ctrl+g"])
async def test_a_typed_moment_is_gone_to(tmp_path: Path, key: str) -> None:
    async with _open(tmp_path, *_moments(*range(100))) as (pilot, viewer):
        focused = viewer.focused
        await pilot.press(key, "1", "m", "5", "enter")
        await settle(pilot)
        assert viewer.position == 65
        assert viewer.focused is focused
        assert not viewer.query(GoTo)


async def test_what_is_no_moment_can_be_typed_again(tmp_path: Path) -> None:
    async with _open(tmp_path, *_moments(*range(100))) as (pilot, viewer):
        await pilot.press("colon", "7", "colon", "enter")
        await settle(pilot)
        assert viewer.position == 0
        assert "Go to 7:" in screen_text(pilot)
        assert "Cannot go to '7:'" in screen_text(pilot)
        await pilot.press("backspace", "enter")
        await settle(pilot)
        assert viewer.position == 7


async def test_nothing_but_a_moment_can_be_typed_or_pasted(tmp_path: Path) -> None:
    async with _open(tmp_path, *_moments(0, 1, 2)) as (pilot, viewer):
        await pilot.press("colon", "x", "2")
        line = viewer.query_one("GoTo Input", Input)
        line.post_message(Paste(ALL))
        await settle(pilot)
        assert line.value == "2"


async def test_going_to_a_moment_is_given_up(tmp_path: Path) -> None:
    async with _open(tmp_path, *_moments(0, 1, 2)) as (pilot, viewer):
        await pilot.press("colon", "2", "escape")
        await settle(pilot)
        assert (viewer.position, len(viewer.query(GoTo))) == (0, 0)
        await pilot.press("colon", "2", "tab")
        await settle(pilot)
        assert (viewer.position, len(viewer.query(GoTo))) == (0, 0)


async def test_steps_stay_in_the_subtree_that_is_zoomed_into(tmp_path: Path) -> None:
    async with _open(tmp_path) as (pilot, viewer):
        top = viewer.record.entries[1]
        assert top.children
        viewer.select(top)
        await pilot.press("z", "home")
        assert viewer.position == top.began
        for key in ["right"] * 4 + ["e", "c", "a", "right", "left"]:
            await pilot.press(key)
            owner = viewer.record.owners[viewer.position]
            while owner is not None and owner is not top:
                owner = owner.parent
            assert owner is top
        await pilot.press("end")
        assert viewer.position == viewer.reach()[1] < viewer.record.last
        await pilot.press("a")
        await settle(pilot)
        assert top.began < viewer.position < viewer.reach()[1]
        assert "The first answer in this subtree" in screen_text(pilot)


async def test_the_selection_stays_in_the_subtree_while_all_is_played(tmp_path: Path) -> None:
    async with _open(tmp_path) as (_, viewer):
        top = viewer.record.entries[1]
        viewer.zoom = top
        viewer.select(top)
        viewer.go_to(viewer.record.last - 1)
        assert viewer.entry is top


async def test_a_run_without_events_has_keys_that_do_nothing(tmp_path: Path) -> None:
    path = await write(tmp_path)
    keys = "space right left shift+right comma full_stop home end e E c C a A f t i"
    async with open_viewer(path) as pilot:
        viewer = viewer_of(pilot)
        await pilot.press(*keys.split(), "colon", "1", "enter", "escape")
        assert (viewer.position, viewer.playing) == (-1, False)


async def test_follow_is_turned_on_and_off(tmp_path: Path) -> None:
    async with _open(tmp_path, *_moments(0, 1, 2)) as (pilot, viewer):
        await pilot.press("f")
        assert (viewer.following, viewer.position) == (True, 2)
        await pilot.press("f")
        assert (viewer.following, viewer.position) == (False, 2)
