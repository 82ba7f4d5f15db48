from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from benchmarks._synthetic_run import synthetic_events
from rlm_runtime._events import Event, NodeStarted
from rlm_runtime._tui.lanes import Lanes
from rlm_runtime._tui.node_tree import NodeTree
from rlm_runtime._tui.view import View
from tests._tui.test_rows import ask, fan_out, node
from tests._tui.viewing import open_viewer, screen_text, settle, viewer_of, write
from tests.hostile_text import ALL, OBEYED

pytestmark = pytest.mark.anyio


def grouped_run() -> list[Event]:
    """Give the events of a root with a group of 30, then a node with two completions."""
    return [node(0), *fan_out(30), node(1, parent=0), ask(100, of=1), ask(101, of=1)]


def tree_of(pilot: Pilot[None]) -> NodeTree:
    return pilot.app.query_one(NodeTree)


def view_of(pilot: Pilot[None]) -> View:
    return viewer_of(pilot).view


async def press(pilot: Pilot[None], *keys: str) -> View:
    await pilot.press(*keys)
    await settle(pilot)
    return view_of(pilot)


def tree_lines(pilot: Pilot[None]) -> list[str]:
    """Give what the tree shows, without the line of titles."""
    tree = tree_of(pilot)
    return [tree.render_line(y).text.rstrip() for y in range(1, tree.size.height)]


def is_marked(pilot: Pilot[None], row: int) -> bool:
    line = tree_lines(pilot)[row - round(tree_of(pilot).scroll_y)]
    return line.startswith("▌")


async def test_up_and_down_select_a_row(tmp_path: Path) -> None:
    async with open_viewer(await write(tmp_path, *grouped_run())) as pilot:
        view = await press(pilot, "down", "down")
        assert view.row == 2
        assert view.entry is not None and view.entry.number == 1
        assert is_marked(pilot, 2)
        view = await press(pilot, "up", "up", "up")
        assert view.row == 0


async def test_keys_that_come_faster_than_the_screen_all_count(tmp_path: Path) -> None:
    async with open_viewer(await write(tmp_path, *grouped_run())) as pilot:
        viewer = viewer_of(pilot)
        for _ in range(3):
            viewer.action_select_row(1)
        await settle(pilot)
        assert view_of(pilot).row == 3


async def test_enter_folds_an_entry_and_opens_it(tmp_path: Path) -> None:
    async with open_viewer(await write(tmp_path, *grouped_run())) as pilot:
        view = await press(pilot, "down", "down", "enter")
        assert len(view.rows) == 3
        assert "▸" in tree_lines(pilot)[2]
        view = await press(pilot, "enter")
        assert len(view.rows) == 5
        assert "▾" in tree_lines(pilot)[2]


async def test_enter_opens_a_group_whose_row_stays_selected(tmp_path: Path) -> None:
    async with open_viewer(await write(tmp_path, *grouped_run())) as pilot:
        assert "llm_query ×30" in screen_text(pilot)
        view = await press(pilot, "down", "enter")
        assert (len(view.rows), view.row) == (35, 1)
        view = await press(pilot, "down", "down")
        assert view.row == 3
        assert view.entry is not None and view.entry.sub_call == 1
        view = await press(pilot, "up", "up", "enter")
        assert (len(view.rows), view.row) == (5, 1)


async def test_a_closed_group_names_the_member_that_is_selected(tmp_path: Path) -> None:
    async with open_viewer(await write(tmp_path, *grouped_run())) as pilot:
        viewer_of(pilot).select(viewer_of(pilot).record.entries[9])
        await settle(pilot)
        assert view_of(pilot).row == 1
        assert "prompt 8" in tree_lines(pilot)[1]


async def test_going_to_another_event_leaves_the_row_of_an_open_group(tmp_path: Path) -> None:
    async with open_viewer(await write(tmp_path, *grouped_run())) as pilot:
        view = await press(pilot, "down", "enter")
        assert view.row == 1
        viewer_of(pilot).move_to(20, track=True)
        await settle(pilot)
        assert view_of(pilot).row == 21


async def test_pages_and_ends(tmp_path: Path) -> None:
    events = [node(0), *(node(n, parent=0, model=f"m{n}") for n in range(1, 200))]
    async with open_viewer(await write(tmp_path, *events)) as pilot:
        page = tree_of(pilot).page
        assert page > 5
        assert (await press(pilot, "pagedown", "pagedown")).row == 2 * page
        assert is_marked(pilot, 2 * page)
        assert (await press(pilot, "pageup")).row == page
        assert (await press(pilot, "G")).row == 199
        assert is_marked(pilot, 199)
        assert (await press(pilot, "g")).row == 0
        assert is_marked(pilot, 0)


async def test_m_goes_through_the_heats(tmp_path: Path) -> None:
    async with open_viewer(await write(tmp_path, *synthetic_events(3))) as pilot:
        shown = []
        for _ in range(3):
            view = await press(pilot, "m")
            titles = tree_of(pilot).render_line(0).text
            shown.append((view.heat, "cost%" in titles, "time%" in titles))
        assert shown == [("cost", True, False), ("time", False, True), ("off", False, False)]


async def test_a_click_selects_and_one_on_the_arrow_folds(tmp_path: Path) -> None:
    async with open_viewer(await write(tmp_path, *grouped_run())) as pilot:
        await pilot.click(NodeTree, offset=(12, 3))
        await settle(pilot)
        assert (view_of(pilot).row, len(view_of(pilot).rows)) == (2, 5)
        assert view_of(pilot).entry is not None
        column = tree_lines(pilot)[2].index("▾")
        await pilot.click(NodeTree, offset=(column, 3))
        await settle(pilot)
        assert len(view_of(pilot).rows) == 3
        # Below the last row there is nothing, and the titles are no row
        await pilot.click(NodeTree, offset=(12, 2))
        await pilot.click(NodeTree, offset=(12, 9))
        await pilot.click(NodeTree, offset=(12, 0))
        await settle(pilot)
        assert view_of(pilot).row == 1


async def test_a_double_click_folds(tmp_path: Path) -> None:
    async with open_viewer(await write(tmp_path, *grouped_run())) as pilot:
        await pilot.double_click(NodeTree, offset=(12, 2))
        await settle(pilot)
        assert (view_of(pilot).row, len(view_of(pilot).rows)) == (1, 35)


async def test_the_lanes_stay_beside_their_rows(tmp_path: Path) -> None:
    events = [node(0), *(node(n, parent=0, model=f"m{n}") for n in range(1, 200))]
    async with open_viewer(await write(tmp_path, *events)) as pilot:
        tree, lanes = tree_of(pilot), pilot.app.query_one(Lanes)
        await press(pilot, "G")
        assert round(tree.scroll_y) == lanes._top == 200 - tree.page
        tree.scroll_to(y=20, animate=False)
        await settle(pilot)
        assert lanes._top == 20
        # The selected row is out of sight: time leaves it there
        viewer_of(pilot).tracking = False
        await press(pilot, "left")
        assert round(tree.scroll_y) == lanes._top == 20
        await press(pilot, "up")
        assert is_marked(pilot, view_of(pilot).row)
        assert lanes._top == round(tree.scroll_y)


async def test_without_the_focus_the_row_is_still_marked(tmp_path: Path) -> None:
    async with open_viewer(await write(tmp_path, *grouped_run())) as pilot:
        tree = tree_of(pilot)
        with_focus = list(tree.render_line(1))
        await press(pilot, "tab")
        assert not tree.has_focus
        without = list(tree.render_line(1))
        plain = list(tree.render_line(2))
        grounds = {
            one[0].style.bgcolor for one in (with_focus, without, plain) if one[0].style is not None
        }
        assert len(grounds) == 3
        assert without[0].text == "▌"


@pytest.mark.parametrize("size", [(30, 10), (80, 24), (200, 60)])
async def test_hostile_texts_stay_texts(tmp_path: Path, size: tuple[int, int]) -> None:
    hostile = NodeStarted(
        node=0, parent=None, depth=0, model=ALL, query=ALL * 9, context=ALL, sub_call=None
    )
    path = await write(tmp_path, hostile, ask(1, model=ALL))
    async with open_viewer(path, size=size) as pilot:
        for line in (tree_of(pilot).render_line(y).text for y in range(3)):
            assert not OBEYED.search(line)


async def test_there_may_be_no_rows(tmp_path: Path) -> None:
    async with open_viewer(await write(tmp_path, *grouped_run())) as pilot:
        await press(pilot, "ampersand", *"depth>9", "enter")
        view = await press(pilot, "down", "up", "G", "g", "enter", "pagedown", "m")
        assert len(view.rows) == 0
        assert "0 rows" in tree_of(pilot).render_line(0).text


async def test_the_lane_of_a_group_selects_its_row(tmp_path: Path) -> None:
    async with open_viewer(await write(tmp_path, *grouped_run())) as pilot:
        await press(pilot, "down", "enter", "g")
        await pilot.click(Lanes, offset=(30, 2))
        await settle(pilot)
        assert view_of(pilot).row == 1
        assert len(view_of(pilot).rows) == 35


async def test_another_theme_colours_the_rows_anew(tmp_path: Path) -> None:
    async with open_viewer(await write(tmp_path, *grouped_run())) as pilot:
        before = list(tree_of(pilot).render_line(2))
        pilot.app.theme = "textual-light"
        await settle(pilot)
        after = list(tree_of(pilot).render_line(2))
        assert [one.text for one in before] == [one.text for one in after]
        for one, other in zip(before, after, strict=True):
            assert one.style is not None and other.style is not None
            assert one.style.bgcolor != other.style.bgcolor


async def test_the_columns_follow_the_width(tmp_path: Path) -> None:
    async with open_viewer(await write(tmp_path, *grouped_run()), size=(80, 24)) as pilot:
        assert "tokens" not in tree_of(pilot).render_line(0).text
        await pilot.resize_terminal(200, 60)
        await press(pilot, "b")
        titles = tree_of(pilot).render_line(0).text
        assert all(name in titles for name in ("model", "depth", "own $", "own tok", "tokens"))


async def test_rows_make_room_for_the_scrollbar(tmp_path: Path) -> None:
    async with open_viewer(await write(tmp_path, *grouped_run()), size=(120, 24)) as pilot:
        assert not tree_of(pilot).show_vertical_scrollbar
        await press(pilot, "down", "enter")
        assert tree_of(pilot).show_vertical_scrollbar
        shown = [line[:60].rstrip("▆▇█▁▂▃▄▅▏ ") for line in screen_text(pilot).split("\n")[1:9]]
        assert all(line.endswith((" s", "time")) for line in shown), shown
