"""What of a pane is drawn anew."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from benchmarks._synthetic_run import synthetic_events
from rlm_runtime._tui.changes import difference
from rlm_runtime._tui.lanes import Lanes
from rlm_runtime._tui.node_tree import NodeTree
from tests._tui.viewing import open_viewer, settle, viewer_of, write

RED = Style(color="red")


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ([("same", None)], [("same", None)], (0, 0)),
        ([("abcdef", None)], [("abXdef", None)], (2, 3)),
        ([("abcdef", None)], [("abcdef", RED)], (0, 6)),
        (
            [("──", None), ("│", RED), ("   ", None)],
            [("───", None), ("│", RED), ("  ", None)],
            (2, 4),
        ),
        ([("漢字ab", None)], [("漢字xb", None)], (4, 5)),
        ([("e\u0301x", None)], [("ex", None)], (0, 2)),
        ([("abc", None)], [("abcd", None)], (3, 4)),
    ],
)
def test_the_columns_that_differ(
    before: list[tuple[str, Style | None]],
    after: list[tuple[str, Style | None]],
    changed: tuple[int, int],
) -> None:
    old = Strip([Segment(*one) for one in before])
    assert difference(old, Strip([Segment(*one) for one in after])) == changed


TEXT = st.text("ab─漢\u0301", min_size=1, max_size=4)
LINES = st.lists(st.tuples(TEXT, st.sampled_from([None, RED])), max_size=5)


@given(LINES, LINES)
def test_what_is_beside_the_difference_is_the_same(
    before: list[tuple[str, Style | None]], after: list[tuple[str, Style | None]]
) -> None:
    old, new = (
        Strip([Segment(*one) for one in line]).crop_extend(0, 20, None) for line in (before, after)
    )
    first, end = difference(old, new)
    if first == end:
        assert old == new
    else:
        for start, stop in ((0, first), (end, 20)):
            assert _cells(old.crop(start, stop)) == _cells(new.crop(start, stop))


def _cells(strip: Strip) -> list[tuple[str, Style | None]]:
    return [(letter, segment.style) for segment in strip for letter in segment.text]


@pytest.mark.anyio
async def test_a_step_draws_what_it_changes_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a slow line a whole screen for each event is seconds late."""
    drawn: list[Region] = []

    def refresh(pane: NodeTree | Lanes, *regions: Region, layout: bool = False) -> object:
        if not layout:
            drawn.extend(regions or [Region(0, 0, *pane.size)])
        return pane

    async with open_viewer(await write(tmp_path, *synthetic_events(30)), size=(200, 60)) as pilot:
        viewer = viewer_of(pilot)
        viewer.move_to(viewer.record.last - 2)
        await settle(pilot)
        for kind in (NodeTree, Lanes):
            monkeypatch.setattr(kind, "refresh", refresh)
        viewer.move_to(viewer.position + 1)
        await settle(pilot)
        assert sum(region.area for region in drawn) < 1_000
        monkeypatch.undo()
        for kind in (NodeTree, Lanes):
            viewer.query_one(kind).refresh()
        await settle(pilot)


@pytest.mark.anyio
async def test_what_is_on_the_screen_is_what_all_drawn_anew_would_be(tmp_path: Path) -> None:
    async with open_viewer(await write(tmp_path, *synthetic_events(30)), size=(120, 40)) as pilot:
        viewer = viewer_of(pilot)
        for key in "home right right e E c down P z Z end m x m x T plus left enter b b".split():
            await pilot.press(key)
            await settle(pilot)
            for kind in (NodeTree, Lanes):
                pane = viewer.query_one(kind)
                before = _painted(pane)
                pane.refresh()
                assert before == _painted(pane), key


def _painted(pane: Widget) -> list[list[tuple[str, Style | None]]]:
    return [_cells(strip) for strip in pane.render_lines(Region(0, 0, *pane.outer_size))]
