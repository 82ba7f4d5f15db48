"""One layout for what one key changes: each one draws all of the screen."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.css.styles import RulesMap
from textual.events import Resize
from textual.strip import Strip
from textual.widget import Widget

from rlm_runtime._tui.laid_out import Frame, ScrolledLines
from rlm_runtime._tui.node_tree import NodeTree
from tests._tui.test_node_tree import grouped_run
from tests._tui.viewing import open_viewer, settle, viewer_of, write

pytestmark = pytest.mark.anyio


class _Lines(ScrolledLines):
    """So many lines, of which nothing is to be seen."""

    def __init__(self) -> None:
        super().__init__()
        self.lines = 5

    def measure_lines(self) -> None:
        self.measure(1, self.lines)

    def on_resize(self, _: Resize) -> None:
        self.measure_lines()

    def render_line(self, y: int) -> Strip:
        return Strip.blank(self.size.width)


class _App(App[None]):
    """Panes in a frame."""

    CSS = "Frame { layout: horizontal; } _Lines { width: 1fr; } .-alone { display: none; }"

    def __init__(self) -> None:
        super().__init__()
        self.layouts = 0

    def compose(self) -> ComposeResult:
        with Frame():
            with Frame():
                yield _Lines()
            yield _Lines()

    def on_mount(self) -> None:
        self.screen.screen_layout_refresh_signal.subscribe(self, self._count)

    def _count(self, _: object) -> None:
        self.layouts += 1


async def test_panes_of_another_size_are_laid_out_once() -> None:
    app = _App()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        first, second = app.query(_Lines)
        app.layouts = 0
        with app.batch_update():
            second.add_class("-alone")
            await settle(pilot)
        await settle(pilot)
        assert (first.size.width, app.layouts) == (80, 1)


@pytest.mark.parametrize("lines", [24, 25])
async def test_a_scrollbar_is_there_where_not_all_lines_are(lines: int) -> None:
    app = _App()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        pane = app.query(_Lines).first()
        pane.lines = lines
        pane.measure_lines()
        # At once: what is drawn for the new width need not be drawn twice
        assert pane.show_vertical_scrollbar == (lines > 24)
        assert pane.scrollable_content_region.width == 40 - 2 * (lines > 24)
        await settle(pilot)
        assert pane.show_vertical_scrollbar == (lines > 24)
        assert bool(pane.vertical_scrollbar.region) == (lines > 24)
        pane.scroll_to(y=lines, animate=False)
        assert pane.scroll_y == lines - 24
        pane.lines = 3
        pane.measure_lines()
        await settle(pilot)
        assert not pane.show_vertical_scrollbar and pane.scroll_y == 0


async def test_lines_that_do_not_get_more_ask_for_no_layout() -> None:
    app = _App()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        pane = app.query(_Lines).first()
        for lines in (7, 24, 2):
            app.layouts = 0
            pane.lines = lines
            pane.measure_lines()
            await settle(pilot)
            assert app.layouts == 0


async def test_a_step_lays_out_nothing(tmp_path: Path) -> None:
    async with open_viewer(await write(tmp_path, *grouped_run())) as pilot:
        layouts: list[object] = []
        await pilot.press("enter")
        await settle(pilot)
        pilot.app.screen.screen_layout_refresh_signal.subscribe(pilot.app, layouts.append)
        await pilot.press("end", "left", "left", "right", "m", "plus")
        await settle(pilot)
        assert layouts == []


@pytest.mark.parametrize("size", [(60, 20), (80, 10), (120, 40), (200, 60)])
@pytest.mark.parametrize("pane", ["tree", "lanes", "page"])
async def test_all_looks_as_the_rules_say_where_a_pane_is_alone(
    tmp_path: Path, pane: str, size: tuple[int, int]
) -> None:
    async with open_viewer(await write(tmp_path, *grouped_run()), size=size) as pilot:
        pilot.app.screen.query_one(f"#{pane}").focus()
        for _ in range(2):
            await pilot.press("b")
            await settle(pilot)
            before = _rules(pilot.app)
            pilot.app.update_styles(pilot.app.screen)
            assert _rules(pilot.app) == before


def _rules(app: App[None]) -> dict[Widget, RulesMap]:
    nodes = app.screen.walk_children(Widget, with_self=True)
    return {node: node.styles.get_rules() for node in nodes}


async def test_the_selected_row_is_in_sight_when_the_scrollbar_comes_with_it(
    tmp_path: Path,
) -> None:
    async with open_viewer(await write(tmp_path, *grouped_run()), size=(80, 24)) as pilot:
        viewer, tree = viewer_of(pilot), pilot.app.query_one(NodeTree)
        await pilot.press("end", "g", "down", "enter", "G")
        await settle(pilot)
        last = viewer.entry
        await pilot.press("g", "enter")
        await settle(pilot)
        assert len(viewer.rows()) == 1 and not tree.show_vertical_scrollbar
        viewer.entry = last
        await pilot.press("enter")
        await settle(pilot)
        row = viewer.view.row
        assert row > tree.page
        assert 0 <= row - round(tree.scroll_y) < tree.page
