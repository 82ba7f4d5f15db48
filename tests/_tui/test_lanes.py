from __future__ import annotations

from pathlib import Path

import pytest
from textual.events import MouseScrollDown, MouseScrollUp
from textual.pilot import Pilot

from benchmarks._synthetic_run import synthetic_events
from rlm_runtime._events import Event, ModeChosen, SandboxStarted
from rlm_runtime._tui.lanes import Lanes
from rlm_runtime._tui.node_tree import NodeTree
from tests._cli.events import attempt_failed, node_started, requested, run_ended, run_started
from tests._tui.test_critical_path import TWO_CHILDREN, at
from tests._tui.viewing import open_viewer, screen_text, settle, viewer_of, write

pytestmark = pytest.mark.anyio

GUTTER = 1
"""The lanes have a border on their left."""


def lanes_of(pilot: Pilot[None]) -> Lanes:
    return pilot.app.query_one(Lanes)


def lines(pilot: Pilot[None]) -> list[str]:
    lanes = lanes_of(pilot)
    return [lanes.render_line(y).text for y in range(lanes.size.height)]


def x_of(pilot: Pilot[None], seconds: float) -> int:
    return lanes_of(pilot).scale.column(seconds) + GUTTER


async def turn_wheel(
    pilot: Pilot[None], event: type[MouseScrollUp | MouseScrollDown], *, control: bool = False
) -> None:
    await pilot._post_mouse_events([event], "#lanes", (5, 3), control=control)
    await settle(pilot)


async def test_lanes_are_beside_the_rows_of_the_tree(tmp_path: Path) -> None:
    async with open_viewer(await write(tmp_path, *synthetic_events(40)), size=(120, 24)) as pilot:
        for keys in (["down"] * 14, ["up"] * 2):
            await pilot.press(*keys)
            await settle(pilot)
            viewer, lanes = viewer_of(pilot), lanes_of(pilot)
            row = viewer.view.row
            tree = pilot.app.query_one(NodeTree)
            y = 1 + row - round(tree.scroll_y)
            selected = lanes.get_component_rich_style("lanes--selected").bgcolor
            back = [lanes.render_line(line)._segments[-1].style for line in range(1, y + 2)]
            marked = [n for n, style in enumerate(back, 1) if style and style.bgcolor == selected]
            assert marked == [y]


async def test_nothing_is_drawn_after_the_moment(tmp_path: Path) -> None:
    async with open_viewer(await write(tmp_path, *TWO_CHILDREN)) as pilot:
        await pilot.click("#lanes", offset=(x_of(pilot, 4.5), 1))
        await settle(pilot)
        assert viewer_of(pilot).view.seconds == 2
        axis, lane, *others = lines(pilot)
        cursor = lanes_of(pilot).scale.column(2)
        assert axis[cursor] == "▼" and "10s" in axis
        assert lane[cursor] == "│" and set(lane[:cursor]) == set(" ·")
        assert not any(line[cursor + 1 :].strip() for line in (lane, *others))
        await pilot.press("end")
        await settle(pilot)
        assert set(" ·█▓╌─│") <= set(lines(pilot)[1])


async def test_a_click_chooses_the_moment_and_the_entry(tmp_path: Path) -> None:
    async with open_viewer(await write(tmp_path, *TWO_CHILDREN)) as pilot:
        viewer = viewer_of(pilot)
        await pilot.click("#lanes", offset=(x_of(pilot, 7.5), 3))
        await settle(pilot)
        assert (viewer.view.seconds, viewer.view.entry) == (7, viewer.record.entries[2])
        await pilot.click("#lanes", offset=(x_of(pilot, 5.5), 0))
        await settle(pilot)
        assert viewer.view.seconds == 5


async def test_the_mouse_drags_the_moment(tmp_path: Path) -> None:
    async with open_viewer(await write(tmp_path, *TWO_CHILDREN)) as pilot:
        viewer = viewer_of(pilot)
        await pilot.mouse_down("#lanes", offset=(x_of(pilot, 7.5), 1))
        await pilot.hover("#lanes", offset=(x_of(pilot, 3), 1))
        await settle(pilot)
        assert viewer.view.seconds == 2
        await pilot.hover("#tree", offset=(1, 1))
        await settle(pilot)
        assert viewer.view.seconds == 0
        await pilot.mouse_up("#tree", offset=(1, 1))
        await pilot.hover("#lanes", offset=(x_of(pilot, 7), 1))
        await settle(pilot)
        assert viewer.view.seconds == 0


async def test_time_can_be_zoomed(tmp_path: Path) -> None:
    async with open_viewer(await write(tmp_path, *TWO_CHILDREN)) as pilot:
        lanes = lanes_of(pilot)
        whole = lanes.scale.length
        await pilot.press("plus", "plus")
        assert lanes.scale.length == whole / 4
        assert lanes.scale.end == pytest.approx(12)
        await pilot.press("minus")
        assert lanes.scale.length == whole / 2
        await turn_wheel(pilot, MouseScrollUp, control=True)
        assert lanes.scale.length == whole / 4
        await turn_wheel(pilot, MouseScrollDown, control=True)
        assert lanes.scale.length == whole / 2
        await pilot.press("equals_sign")
        assert (lanes.scale.start, lanes.scale.length) == (0, whole)
        await pilot.press("minus")
        assert lanes.scale.length == whole


async def test_the_window_follows_the_moment(tmp_path: Path) -> None:
    async with open_viewer(await write(tmp_path, *TWO_CHILDREN)) as pilot:
        lanes = lanes_of(pilot)
        await pilot.press("plus", "plus", "home")
        await settle(pilot)
        assert lanes.scale.start == 0
        for _ in range(5):
            await pilot.press("right")
            await settle(pilot)
            assert lanes.scale.start <= viewer_of(pilot).view.seconds <= lanes.scale.end


async def test_what_is_under_the_mouse_is_told(tmp_path: Path) -> None:
    async with open_viewer(await write(tmp_path, *TWO_CHILDREN)) as pilot:
        await pilot.hover("#lanes", offset=(x_of(pilot, 3), 1))
        assert "model call 0 · 3.00 s" in screen_text(pilot)
        bottom = lanes_of(pilot).size.height - 1
        await pilot.hover("#lanes", offset=(x_of(pilot, 3), bottom))
        assert "1.0 model calls in flight" in screen_text(pilot)
        await pilot.hover("#tree", offset=(1, 1))
        assert "1.0 model calls" not in screen_text(pilot)
        assert "▁" in lines(pilot)[-1]


async def test_what_comes_under_the_mouse_by_the_wheel_is_told(tmp_path: Path) -> None:
    async with open_viewer(await write(tmp_path, *synthetic_events(60)), size=(120, 24)) as pilot:
        await pilot.press("end")
        for seconds in (1.0, 3.0, 5.0, 7.0):
            await pilot.hover("#lanes", offset=(x_of(pilot, seconds), 3))
            for wheel in (MouseScrollDown, MouseScrollDown, MouseScrollUp):
                await turn_wheel(pilot, wheel)
                told = lines(pilot)[-1]
                lanes_of(pilot).show(viewer_of(pilot).view, top=lanes_of(pilot)._top)
                assert lines(pilot)[-1] == told


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 12), (120, 11)])
async def test_each_row_has_its_lane_beside_it(tmp_path: Path, size: tuple[int, int]) -> None:
    events = synthetic_events(60)
    async with open_viewer(await write(tmp_path, *events), size=size) as pilot:
        await pilot.press("G")
        await settle(pilot)
        tree, lanes, view = pilot.app.query_one(NodeTree), lanes_of(pilot), viewer_of(pilot).view
        last = lanes.size.height - 1
        assert round(tree.scroll_y) + tree.page == len(view.rows)
        for y in range(1, lanes.size.height):
            is_load = last > 2 and y == last
            assert ("in flight" in tree.render_line(y).text) == is_load
            assert lanes._is_bottom(y) == is_load
        await pilot.click("#tree", offset=(3, last))
        assert viewer_of(pilot).view.row == len(view.rows) - 1
        await pilot.press("x")
        await settle(pilot)
        assert "in flight" not in tree.render_line(last).text


async def test_a_tree_without_lanes_has_rows_to_its_last_line(tmp_path: Path) -> None:
    async with open_viewer(await write(tmp_path, *TWO_CHILDREN), size=(60, 24)) as pilot:
        assert "in flight" not in screen_text(pilot)
        tree = pilot.app.query_one(NodeTree)
        assert tree.page == tree.size.height - 1


async def test_a_tree_beside_enlarged_lanes_ends_with_them(tmp_path: Path) -> None:
    async with open_viewer(await write(tmp_path, *synthetic_events(60))) as pilot:
        tree, lanes = pilot.app.query_one(NodeTree), lanes_of(pilot)
        lanes.focus()
        await pilot.press("b")
        for size in ((120, 24), (60, 24), (120, 24)):
            await pilot.resize_terminal(*size)
            await settle(pilot)
            assert tree.size.width and lanes._is_bottom(lanes.size.height - 1)
            assert tree.page == tree.size.height - 2
            assert ("model calls in flight" in screen_text(pilot)) == (size[0] == 120)


@pytest.mark.parametrize("width", [60, 80, 120, 200, 300])
async def test_enlarged_lanes_have_most_of_the_room(tmp_path: Path, width: int) -> None:
    path = await write(tmp_path, *TWO_CHILDREN)
    async with open_viewer(path, size=(width, 24)) as pilot:
        viewer_of(pilot).enlarge("lanes")
        await settle(pilot)
        assert lanes_of(pilot).region.width >= width * 3 // 4


async def test_only_what_has_happened_is_told(tmp_path: Path) -> None:
    async with open_viewer(await write(tmp_path, *TWO_CHILDREN)) as pilot:
        await pilot.click("#lanes", offset=(x_of(pilot, 7.5), 1))
        await settle(pilot)
        await pilot.hover("#lanes", offset=(x_of(pilot, 6.5), 1))
        assert "iteration 1 · 2.00 s so far" in lines(pilot)[-1]
        await pilot.hover("#lanes", offset=(x_of(pilot, 8), 1))
        assert not lines(pilot)[-1].strip("│ ▁")


async def test_the_wheel_scrolls_tree_and_lanes(tmp_path: Path) -> None:
    async with open_viewer(await write(tmp_path, *synthetic_events(60)), size=(120, 24)) as pilot:
        before = lines(pilot)
        await turn_wheel(pilot, MouseScrollDown)
        assert pilot.app.query_one(NodeTree).scroll_y == 3
        assert lines(pilot)[1:-4] == before[4:-1]
        await turn_wheel(pilot, MouseScrollUp)
        assert pilot.app.query_one(NodeTree).scroll_y == 0


async def test_keys_select_rows_in_the_lanes_too(tmp_path: Path) -> None:
    async with open_viewer(await write(tmp_path, *TWO_CHILDREN)) as pilot:
        lanes_of(pilot).focus()
        await pilot.press("down", "down", "down", "up")
        await settle(pilot)
        viewer = viewer_of(pilot)
        assert viewer.view.entry is viewer.record.entries[1]


async def test_the_critical_path_is_shown_and_hidden(tmp_path: Path) -> None:
    async with open_viewer(await write(tmp_path, *TWO_CHILDREN)) as pilot:
        viewer = viewer_of(pilot)
        await pilot.press("x")
        await settle(pilot)
        assert viewer.view.critical == {0: 7, 2: 3}
        assert "◆ critical path" in lines(pilot)[-1] and "model 3.00 s" in lines(pilot)[-1]
        assert "━" in lines(pilot)[3] and "━" not in lines(pilot)[2]
        await pilot.press("left", "left", "left", "left")
        await settle(pilot)
        assert viewer.view.critical == {0: 5, 2: 1}
        await pilot.press("x")
        await settle(pilot)
        assert not viewer.view.critical and "━" not in "".join(lines(pilot))


async def test_a_long_critical_path_is_found_in_parts(tmp_path: Path) -> None:
    events: list[Event] = [at(0, node_started(0))]
    events += [at(call / 10, requested(0, call)) for call in range(1500)]
    async with open_viewer(await write(tmp_path, *events)) as pilot:
        viewer = viewer_of(pilot)
        await pilot.press("x")
        while not viewer.view.critical:
            await pilot.pause(0.01)
        assert sum(viewer.view.critical.values()) == pytest.approx(149.9)


@pytest.mark.parametrize("size", [(20, 6), (80, 24), (200, 60)])
async def test_any_size_will_do(tmp_path: Path, size: tuple[int, int]) -> None:
    async with open_viewer(await write(tmp_path, *synthetic_events(3)), size=size) as pilot:
        await pilot.resize_terminal(100, 30)
        await settle(pilot)
        lanes = lanes_of(pilot)
        assert lanes.scale.width == lanes.size.width
        assert {len(line) for line in lines(pilot)} == {lanes.size.width}


async def test_an_empty_run_has_no_lanes(tmp_path: Path) -> None:
    async with open_viewer(await write(tmp_path)) as pilot:
        await pilot.press("plus", "equals_sign", "x")
        await pilot.click("#lanes", offset=(9, 2))
        await settle(pilot)
        assert viewer_of(pilot).view.position == -1


async def test_an_error_at_the_time_of_the_moment_but_after_it_is_not_shown(
    tmp_path: Path,
) -> None:
    failed = attempt_failed(0, 0, 1, wait=None, error="429 slow down", at=2)
    async with open_viewer(await write(tmp_path, *TWO_CHILDREN[:4], failed)) as pilot:
        await pilot.hover("#lanes", offset=(x_of(pilot, 2), 1))
        for position, glyph in ((4, "✗"), (3, "│")):
            viewer_of(pilot).move_to(position)
            await settle(pilot)
            assert lines(pilot)[1][lanes_of(pilot).scale.column(2)] == glyph
            assert ("429" in lines(pilot)[-1]) is (glyph == "✗")


async def test_a_sandbox_shows_when_it_is_told_of(tmp_path: Path) -> None:
    events = [
        at(0, run_started()),
        at(0, node_started(0)),
        at(4, ModeChosen(mode="rlm", reason="")),
        at(6, SandboxStarted(node=0, pid=1, seconds=6)),
        at(10, run_ended()),
    ]
    async with open_viewer(await write(tmp_path, *events)) as pilot:
        viewer = viewer_of(pilot)
        shown = []
        for position in (2, 3):
            viewer.move_to(position)
            await settle(pilot)
            shown.append(lines(pilot)[1])
        assert "─" in shown[0] and "░" not in shown[0]
        assert "░" in shown[1]


@pytest.mark.parametrize("pane", ["#lanes", "#page"])
async def test_lanes_are_beside_the_rows_again_after_another_pane_was_alone(
    tmp_path: Path, pane: str
) -> None:
    async with open_viewer(await write(tmp_path, *synthetic_events(40)), size=(120, 24)) as pilot:
        viewer, tree = viewer_of(pilot), pilot.app.query_one(NodeTree)
        await pilot.press("home", "end", "g")
        await settle(pilot)
        last = min(tree.page, len(viewer.view.rows)) - 1
        pilot.app.query_one(pane).focus()
        await pilot.press("b")
        await settle(pilot)
        for row in (len(viewer.view.rows) - 1, last):
            viewer.select(viewer.view.rows[row].entry)
            await settle(pilot)
        await pilot.press("b")
        await settle(pilot)
        beside = lines(pilot)
        viewer.show_soon()
        await settle(pilot)
        assert beside == lines(pilot)
