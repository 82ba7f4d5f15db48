"""To leave the viewer, or to stop its run, with ctrl+c: whatever lies over it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from rlm_runtime._tui.comparing.screen import Comparing
from tests._cli.events import SMALL_RUN
from tests._tui.viewing import open_viewer, settle, viewer_of, write

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("opens", ["question_mark", "ctrl+p", "d", "slash"])
async def test_ctrl_c_twice_stops_the_run_whatever_lies_over_the_viewer(
    tmp_path: Path, opens: str
) -> None:
    stopped: list[bool] = []
    async with open_viewer(await write(tmp_path, *SMALL_RUN)) as pilot:
        viewer_of(pilot).stop_run = partial(stopped.append, True)
        await pilot.press(opens)
        await settle(pilot)
        await pilot.press("ctrl+c", "ctrl+c")
        await settle(pilot)
    assert stopped == [True]


async def test_ctrl_c_leaves_the_viewer_from_a_comparison(tmp_path: Path) -> None:
    path = await write(tmp_path, *SMALL_RUN)
    async with open_viewer(path) as pilot:
        viewer = viewer_of(pilot)
        viewer.push_screen(
            Comparing(viewer.record, viewer.source, path, is_read=lambda: viewer.state != "reading")
        )
        await settle(pilot)
        await pilot.press("ctrl+c")
        await settle(pilot)
    assert viewer.was_interrupted
