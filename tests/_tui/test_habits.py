"""Help, the palette, looks and what the viewer saves."""

from __future__ import annotations

import re
from pathlib import Path

import anyio
import pytest
from textual.command import CommandPalette
from textual.pilot import Pilot
from textual.widgets import Input

from benchmarks._synthetic_run import synthetic_events
from rlm_runtime._events import NodeStarted, RunStarted
from rlm_runtime._tui.help_screen import HelpScreen
from rlm_runtime._tui.palette import ViewerCommands
from tests._tui.viewing import open_viewer, screen_text, settle, viewer_of, write
from tests.hostile_text import ALL, OBEYED

pytestmark = pytest.mark.anyio


@pytest.fixture
async def trace(tmp_path: Path) -> Path:
    return await write(tmp_path / "runs", *synthetic_events(3))


def saved_file(folder: Path, suffix: str) -> Path:
    """Find the one file that was saved."""
    (path,) = folder.glob(f"*{suffix}")
    return path


async def wait_for_text(pilot: Pilot[None], text: str) -> None:
    with anyio.fail_after(20):
        while text not in screen_text(pilot):
            await pilot.pause(0.01)


async def test_help_tells_the_keys_of_the_focused_pane_first(trace: Path) -> None:
    async with open_viewer(trace) as pilot:
        await pilot.press("question_mark")
        await settle(pilot)
        shown = screen_text(pilot)
        assert shown.index("Here") < shown.index("Fold") < shown.index("Stepping")
        await pilot.press("end")
        await wait_for_text(pilot, "☠")
        await pilot.press("escape")
        assert not isinstance(pilot.app.screen, HelpScreen)


async def test_help_says_where_signs_are_told_and_what_q_does(trace: Path) -> None:
    async with open_viewer(trace, size=(80, 60)) as pilot:
        await pilot.press("question_mark")
        await settle(pilot)
        screen = screen_text(pilot)
        assert "│ Leaving the viewer  " in screen and "command prompt" not in screen
        assert "end  what the signs mean" in screen
        await pilot.press("end")
        await settle(pilot)
        assert "☠" in screen_text(pilot) and "an answer" in screen_text(pilot)


async def test_help_opens_once_and_its_own_keys_close_it(trace: Path) -> None:
    async with open_viewer(trace) as pilot:
        for key in ("question_mark", "q"):
            await pilot.press("question_mark", key)
            assert len(pilot.app.screen_stack) == 1


async def test_the_palette_does_what_a_key_does(trace: Path) -> None:
    async with open_viewer(trace) as pilot:
        await pilot.press("ctrl+p")
        await settle(pilot)
        assert isinstance(pilot.app.screen, CommandPalette)
        pilot.app.screen.query_one(Input).value = "Start"
        await wait_for_text(pilot, "Start  (")
        await pilot.press("down", "enter")
        with anyio.fail_after(20):
            while viewer_of(pilot).view.position != 0:
                await pilot.pause(0.01)


async def test_the_palette_goes_to_a_node(trace: Path) -> None:
    async with open_viewer(trace) as pilot:
        await pilot.press("ctrl+p")
        pilot.app.screen.query_one(Input).value = "2"
        await wait_for_text(pilot, "Go to node 2")
        await pilot.press("down", "enter")
        with anyio.fail_after(20):
            while (entry := viewer_of(pilot).view.entry) is None or entry.number != 2:
                await pilot.pause(0.01)


async def test_the_palette_goes_to_a_node_that_is_hidden(trace: Path) -> None:
    async with open_viewer(trace) as pilot:
        viewer = viewer_of(pilot)
        viewer.zoom = viewer.record.node(2)
        viewer.folded.add(0)
        await pilot.press("ctrl+p")
        pilot.app.screen.query_one(Input).value = "node 1"
        await wait_for_text(pilot, "Go to node 1")
        await pilot.press("down", "enter")
        with anyio.fail_after(20):
            while (entry := viewer.view.entry) is None or entry.number != 1:
                await pilot.pause(0.01)
        assert viewer.view.rows[viewer.view.row].entry is entry


async def test_the_palette_knows_no_node_before_it_has_its_number(trace: Path) -> None:
    async with open_viewer(trace) as pilot:
        viewer = viewer_of(pilot)
        node = viewer.record.node(1)
        assert node is not None and node.numbered is not None and node.began < node.numbered
        viewer.move_to(node.numbered - 1)
        await pilot.press("ctrl+p")
        commands = ViewerCommands(pilot.app.screen)
        assert not [hit async for hit in commands.search("node 1") if "Go to" in str(hit.text)]
        viewer.move_to(node.numbered)
        assert [hit async for hit in commands.search("node 1") if "Go to" in str(hit.text)]


async def test_the_palette_puts_on_a_theme(trace: Path) -> None:
    async with open_viewer(trace) as pilot:
        assert pilot.app.theme == "rlm-dark"
        await pilot.press("T")
        await settle(pilot)
        pilot.app.screen.query_one(Input).value = "rlm-light"
        await wait_for_text(pilot, "rlm-light")
        await pilot.press("down", "enter")
        with anyio.fail_after(20):
            while pilot.app.theme != "rlm-light":
                await pilot.pause(0.01)


async def test_a_pane_gets_all_the_room_and_gives_it_back(trace: Path) -> None:
    async with open_viewer(trace) as pilot:
        tree, details = pilot.app.query_one("#tree"), pilot.app.query_one("#details")
        before = tree.size
        await pilot.press("b")
        await settle(pilot)
        assert tree.size.width > before.width and not details.region
        await pilot.press("b")
        await settle(pilot)
        assert tree.size == before and details.region


@pytest.mark.parametrize(
    ("pane", "hidden"), [("tree", "lanes"), ("lanes", "details"), ("details", "tree")]
)
async def test_each_pane_can_be_alone(trace: Path, pane: str, hidden: str) -> None:
    async with open_viewer(trace, size=(80, 24)) as pilot:
        pilot.app.query_one("#page" if pane == "details" else f"#{pane}").focus()
        await pilot.press("b")
        await settle(pilot)
        assert pilot.app.query_one(f"#{pane}").region.height >= 20
        assert not pilot.app.query_one(f"#{hidden}").region


async def test_the_screen_is_saved_without_a_font_from_the_network(
    trace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with open_viewer(trace) as pilot:
        await pilot.press("s")
        await wait_for_text(pilot, "Saved")
        saved = saved_file(tmp_path, ".svg")
        svg = saved.read_text("utf-8")
    assert saved.name == "rlm-20260102-030405-0123abcd-1.svg"
    assert re.findall(r"https?://[^\"' )]*", svg) == ["http://www.w3.org/2000/svg"]
    assert "url(http" not in svg and "answered" in svg.replace("&#160;", " ")


async def test_what_cannot_be_saved_is_told(
    trace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    # Nothing can be written into a folder that is not there any more, not even by root
    folder.rmdir()
    async with open_viewer(trace) as pilot:
        await pilot.press("s")
        await wait_for_text(pilot, "Cannot save SVG")


async def test_the_run_is_saved_as_a_page(
    trace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with open_viewer(trace) as pilot:
        await pilot.press("H")
        await wait_for_text(pilot, "Saved")
        page = saved_file(tmp_path, ".html").read_text("utf-8")
    assert page.startswith("<!doctype html>") and page.rstrip().endswith("</html>")


async def test_q_ends_the_viewer(trace: Path) -> None:
    async with open_viewer(trace) as pilot:
        await pilot.press("q")
        with anyio.fail_after(20):
            while pilot.app.is_running:
                await pilot.pause(0.01)


@pytest.mark.parametrize("size", [(1, 1), (20, 5), (30, 6), (69, 14), (80, 24), (300, 80)])
async def test_it_is_shown_at_any_size(trace: Path, size: tuple[int, int]) -> None:
    async with open_viewer(trace, size=size) as pilot:
        await pilot.press("b", "b", "question_mark", "escape")
        is_too_small = size[0] < 30 or size[1] < 6
        assert bool(pilot.app.query_one("#too-small").region) is is_too_small
        assert bool(pilot.app.query_one("#tree").region) is not is_too_small
        for other in ((20, 5), (200, 60), size):
            await pilot.resize_terminal(*other)
            await settle(pilot)
        assert all(len(line) <= size[0] for line in screen_text(pilot).splitlines())


async def test_hostile_names_reach_neither_palette_nor_file_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    started = RunStarted(
        run=f"../../{ALL}[/b]", version="", query=ALL, model=ALL, sub_model=ALL, limits={}
    )
    node = NodeStarted(
        node=0, parent=None, depth=0, model=ALL, query=f"[@click=app.bell]{ALL}", context=ALL
    )
    path = await write(tmp_path / "runs", started, node)
    async with open_viewer(path) as pilot:
        await pilot.press("s")
        await wait_for_text(pilot, "Saved")
        saved = saved_file(tmp_path, ".svg")
        assert re.fullmatch(r"rlm-[A-Za-z0-9_-]+-1\.svg", saved.name)
        await pilot.press("ctrl+p")
        pilot.app.screen.query_one(Input).value = "0"
        await wait_for_text(pilot, "Go to node 0")
        assert not OBEYED.search(screen_text(pilot).replace("\n", ""))
    assert not OBEYED.search(saved.read_text("utf-8").replace("\n", ""))


async def test_nothing_is_drawn_on_the_way_to_where_the_help_scrolls(trace: Path) -> None:
    """On a slow line the many screens between would come for seconds after the key."""
    async with open_viewer(trace, size=(80, 24)) as pilot:
        await pilot.press("question_mark")
        await settle(pilot)
        box = pilot.app.screen.query_one("#help")
        drawn: list[float] = []
        box.watch(box, "scroll_y", lambda y: drawn.append(y), init=False)
        await pilot.press("pagedown")
        with anyio.fail_after(20):
            while box.scroll_y < box.scroll_target_y or not drawn:
                await pilot.pause(0.01)
        assert drawn == [box.scroll_target_y]
