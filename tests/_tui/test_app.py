from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks._synthetic_run import synthetic_events
from tests._tui.viewing import open_viewer, screen_text, settle, viewer_of, write

pytestmark = pytest.mark.anyio


async def test_a_run_is_shown_at_its_end(tmp_path: Path) -> None:
    path = await write(tmp_path, *synthetic_events(3))
    async with open_viewer(path) as pilot:
        assert viewer_of(pilot).position == viewer_of(pilot).record.last
        assert "answered" in screen_text(pilot)


async def test_keys_move_the_moment(tmp_path: Path) -> None:
    path = await write(tmp_path, *synthetic_events(3))
    async with open_viewer(path) as pilot:
        await pilot.press("home", "right", "right", "left")
        await settle(pilot)
        assert viewer_of(pilot).view.position == 1
