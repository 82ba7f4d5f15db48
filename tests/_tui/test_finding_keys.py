from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from textual.pilot import Pilot

from benchmarks._synthetic_run import synthetic_events
from rlm_runtime._events import CodeExecuted
from rlm_runtime._trace.writer import open_trace_writer
from rlm_runtime._tui.details.pages import PAGES
from rlm_runtime._tui.details.pane import Details
from rlm_runtime._tui.finding.lines import Line
from rlm_runtime._tui.node_tree import NodeTree
from rlm_runtime._tui.seek_bar import SeekBar
from tests._tui.viewing import open_viewer, screen_text, settle, viewer_of, write

pytestmark = pytest.mark.anyio


async def press(pilot: Pilot[None], *keys: str) -> None:
    """Press keys, one for each character of a text, and wait for what they do."""
    for key in keys:
        await pilot.press(key)
    await settle(pilot)
    with anyio.fail_after(50):
        while viewer_of(pilot).is_searching:
            await pilot.pause(0.01)
    await settle(pilot)


async def small(folder: Path) -> Path:
    """Write a run with a root, two nodes below it, and nodes below these."""
    return await write(folder, *synthetic_events(6))


async def failing(folder: Path) -> Path:
    """Write a run with code that fails at three places."""
    return await write(folder, *synthetic_events(6, seed=2))


async def test_a_search_is_typed_and_its_matches_gone_to(tmp_path: Path) -> None:
    async with open_viewer(await small(tmp_path)) as pilot:
        viewer = viewer_of(pilot)
        viewer.move_to(3)
        await press(pilot, "slash", *"flood", "enter")
        assert viewer.search == "flood"
        assert viewer.found[:4] == (0, 1, 2, 5)
        count = len(viewer.found)
        assert viewer.position == 5, "the first one from the moment on"
        assert f"4 of {count}" in screen_text(pilot)
        assert "reply of node 0" in screen_text(pilot)
        await press(pilot, "n")
        assert viewer.position == viewer.found[4]
        assert viewer.entry is viewer.record.owners[viewer.found[4]]
        await press(pilot, *"NNNNN")
        assert viewer.position == viewer.found[-1], "before the first is the last"
        await press(pilot, "n")
        assert viewer.position == 0


async def test_escape_clears_search_filter_and_zoom_in_that_order(tmp_path: Path) -> None:
    async with open_viewer(await small(tmp_path)) as pilot:
        viewer = viewer_of(pilot)
        await press(pilot, "z", "slash", *"flood", "enter", "ampersand", *"depth<2", "enter")
        assert viewer.search and viewer.filter and viewer.zoom
        await press(pilot, "escape")
        assert (viewer.search, viewer.filter) == ("", "depth<2")
        assert viewer.zoom is not None and not viewer.found
        await press(pilot, "escape")
        assert viewer.filter == "" and viewer.matches is None
        assert viewer.zoom is not None
        await press(pilot, "escape")
        assert viewer.zoom is None


async def test_escape_in_a_line_clears_it_and_leaves_it(tmp_path: Path) -> None:
    async with open_viewer(await small(tmp_path)) as pilot:
        viewer = viewer_of(pilot)
        before = viewer.focused
        for key, name in (("slash", "search"), ("ampersand", "filter")):
            await press(pilot, key, *"qz")
            assert viewer.focused is viewer.query_one(f"#{name}")
            await press(pilot, "escape")
            assert viewer.focused is before
            assert not viewer.query_one(f"#{name}", Line).can_focus
            assert not viewer.query_one(f"#{name}-line").display
        assert (viewer.search, viewer.filter) == ("", "")


async def test_a_filter_shows_what_matches_and_what_is_above(tmp_path: Path) -> None:
    async with open_viewer(await small(tmp_path)) as pilot:
        viewer = viewer_of(pilot)
        await press(pilot, "ampersand", *"node:2", "enter")
        shown = [row.entry.number for row in viewer.view.rows]
        assert shown == [0, 2]
        assert f"1 of {len(viewer.record.entries)} match" in screen_text(pilot)


async def test_a_filter_follows_the_moment(tmp_path: Path) -> None:
    async with open_viewer(await small(tmp_path)) as pilot:
        viewer = viewer_of(pilot)
        await press(pilot, "ampersand", *"status:answered", "enter")
        assert viewer.let_through == len(viewer.record.entries)
        viewer.move_to(2)
        await settle(pilot)
        assert viewer.let_through == 0
        assert len(viewer.view.rows) == 0


async def test_a_filter_that_cannot_be_read_says_why_and_the_last_one_holds(
    tmp_path: Path,
) -> None:
    async with open_viewer(await small(tmp_path)) as pilot:
        viewer = viewer_of(pilot)
        await press(pilot, "ampersand", *"depth>0 ")
        held = viewer.matches
        await press(pilot, *"cost>x")
        assert "Cannot read 'x' as cost. Possible: a number, such as $0.01" in screen_text(pilot)
        assert viewer.matches == held


async def test_a_name_that_is_being_typed_hides_nothing_yet(tmp_path: Path) -> None:
    async with open_viewer(await small(tmp_path)) as pilot:
        viewer = viewer_of(pilot)
        await press(pilot, "ampersand", *"dept")
        assert viewer.matches is None
        await press(pilot, "enter")
        assert viewer.matches == frozenset(), "it is a text that nothing was asked about"


async def test_a_filter_is_completed(tmp_path: Path) -> None:
    async with open_viewer(await small(tmp_path)) as pilot:
        await press(pilot, "ampersand", *"st", "right", *"an", "right")
        assert viewer_of(pilot).filter == "status:answered"


async def test_going_to_parent_child_and_siblings(tmp_path: Path) -> None:
    async with open_viewer(await small(tmp_path)) as pilot:
        viewer = viewer_of(pilot)
        children = viewer.record.roots[0].children
        for keys, wanted in (
            ("P", children[0]),
            ("J", children[1]),
            ("K", children[0]),
            ("K", children[0]),
            ("shift+down", children[1]),
            ("shift+up", children[0]),
            ("p", viewer.record.roots[0]),
            ("p", viewer.record.roots[0]),
        ):
            await press(pilot, keys)
            assert viewer.entry is wanted, keys
            assert viewer.view.rows[viewer.view.row].entry is wanted


async def test_only_what_is_there_at_the_moment_is_gone_to(tmp_path: Path) -> None:
    async with open_viewer(await small(tmp_path)) as pilot:
        viewer = viewer_of(pilot)
        first, second = viewer.record.roots[0].children[:2]
        viewer.select(first)
        viewer.move_to(second.began - 1, track=False)
        await press(pilot, "J")
        assert viewer.entry is first
        viewer.move_to(second.began, track=False)
        await press(pilot, "J")
        assert viewer.entry is second


async def test_zooming_in_and_out(tmp_path: Path) -> None:
    async with open_viewer(await small(tmp_path)) as pilot:
        viewer = viewer_of(pilot)
        child = viewer.record.roots[0].children[0]
        await press(pilot, "P", "P", "z")
        assert viewer.zoom is child.children[0]
        assert viewer.view.rows[0].entry is viewer.zoom
        assert "node 0 › node 1 › node 3" in screen_text(pilot)
        await press(pilot, "Z")
        assert viewer.zoom is child
        await press(pilot, "Z")
        assert viewer.zoom is None
        await press(pilot, "Z")
        assert viewer.zoom is None


async def test_going_out_of_what_is_zoomed_into_zooms_out(tmp_path: Path) -> None:
    async with open_viewer(await small(tmp_path)) as pilot:
        viewer = viewer_of(pilot)
        await press(pilot, "P", "z", "p")
        assert viewer.zoom is None
        assert viewer.entry is viewer.record.roots[0]


async def test_going_to_what_is_folded_opens_it(tmp_path: Path) -> None:
    async with open_viewer(await small(tmp_path)) as pilot:
        viewer = viewer_of(pilot)
        viewer.folded.add(0)
        await press(pilot, "P")
        assert viewer.view.rows[viewer.view.row].entry is viewer.record.roots[0].children[0]


async def test_what_is_pasted_into_a_line_is_harmless(tmp_path: Path) -> None:
    async with open_viewer(await small(tmp_path)) as pilot:
        await press(pilot, "slash")
        viewer_of(pilot).query_one("#search", Line).insert_text_at_cursor("a\x1b[31m\u202eb")
        await settle(pilot)
        assert viewer_of(pilot).search == "a\\x1b[31m\\u202eb"


async def test_the_details_turn_to_what_was_found(tmp_path: Path) -> None:
    async with open_viewer(await failing(tmp_path)) as pilot:
        viewer = viewer_of(pilot)
        await press(pilot, "slash", *"keyerror", "enter")
        assert isinstance(viewer.record.events[viewer.position], CodeExecuted)
        details = viewer.query_one(Details)
        assert PAGES[details.page].name == "Output"
        assert "KeyError" in screen_text(pilot)


async def test_rows_with_a_match_have_a_dot_as_soon_as_it_has_happened(tmp_path: Path) -> None:
    async with open_viewer(await failing(tmp_path)) as pilot:
        viewer = viewer_of(pilot)
        await press(pilot, "slash", *"keyerror", "enter")
        first = viewer.found[0]
        assert viewer.position == first, "it goes around"
        owner = viewer.record.owners[first]
        for position, is_found in ((first, True), (first - 1, False)):
            viewer.move_to(position, track=False)
            await settle(pilot)
            row = next(row for row in viewer.view.rows if row.entry is owner)
            assert viewer.view.finds_in(row) == is_found
            tree = viewer.query_one(NodeTree)
            lines = [tree.render_line(y).text for y in range(tree.size.height)]
            assert any("•" in line for line in lines) == is_found


async def test_matches_are_marks_in_the_bar(tmp_path: Path) -> None:
    async with open_viewer(await failing(tmp_path)) as pilot:
        await press(pilot, "slash", *"keyerror")
        bar = pilot.app.query_one(SeekBar)
        assert bar.render_line(0).text.count("•") == len(viewer_of(pilot).found) == 3
        await press(pilot, "escape")
        assert "•" not in bar.render_line(0).text


async def test_a_pattern_is_looked_for_and_what_it_finds_is_marked(tmp_path: Path) -> None:
    async with open_viewer(await failing(tmp_path)) as pilot:
        viewer = viewer_of(pilot)
        await press(pilot, "slash", *"re:keye(")
        assert "unclosed group" in screen_text(pilot)
        assert viewer.found == ()
        await press(pilot, "backspace", *r"\w+", "enter")
        assert viewer.found
        assert viewer.view.search == "KeyError"


async def test_a_run_that_grows_is_looked_through_as_it_does(tmp_path: Path) -> None:
    events = list(synthetic_events(2))
    async with open_trace_writer(tmp_path, "run") as writer:
        for event in events[:20]:
            writer.write(event)
        await writer.wait_written()
        async with open_viewer(writer.path, follow=True) as pilot:
            viewer = viewer_of(pilot)
            await press(pilot, "slash", *"final")
            before = viewer.found
            for event in events[20:]:
                writer.write(event)
            await writer.wait_written()
            with anyio.fail_after(50):
                while viewer.record.last < len(events) - 1 or viewer.is_searching:
                    await pilot.pause(0.01)
            await settle(pilot)
            assert len(viewer.found) > len(before)
            assert f"{len(viewer.found)}" in screen_text(pilot)


async def test_neither_match_nor_zoom_numbers_a_node_before_it_begins(tmp_path: Path) -> None:
    async with open_viewer(await small(tmp_path)) as pilot:
        viewer = viewer_of(pilot)
        child = viewer.record.entries[1]
        assert child.numbered is not None and child.began < child.numbered
        viewer.select(child)
        viewer.set_search(child.query[:10])
        await press(pilot, "z")
        for position, name in ((child.began, "node  "), (child.numbered, "node 1  ")):
            viewer.move_to(position, track=False)
            await settle(pilot)
            (zoomed,) = (line for line in screen_text(pilot).split("\n") if "⌕" in line)
            assert f"node 0 › {name}" in zoomed
            told = "prompt:" if position == child.began else "query of node 1:"
            assert viewer.view.finding.where.startswith(told)
