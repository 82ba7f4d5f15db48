"""The line with the most important keys."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets._footer import FooterKey

from benchmarks._synthetic_run import synthetic_events
from rlm_runtime._tui.footer import KeyLine
from tests._tui.viewing import open_viewer, settle, write

pytestmark = pytest.mark.anyio


async def test_another_focus_does_not_make_the_keys_anew(tmp_path: Path) -> None:
    """That would lay out and draw the whole screen, each time that tab is pressed."""
    async with open_viewer(await write(tmp_path, *synthetic_events(2))) as pilot:
        line = pilot.app.query_one(KeyLine)
        keys = list(line.query(FooterKey))
        assert "space" in {key.key_display for key in keys} | {key.key for key in keys}
        for key in ("tab", "tab", "shift+tab"):
            await pilot.press(key)
            await settle(pilot)
            assert list(line.query(FooterKey)) == keys


async def test_other_keys_are_told(tmp_path: Path) -> None:
    async with open_viewer(await write(tmp_path, *synthetic_events(2))) as pilot:
        pilot.app.set_keymap({"play": "f9"})
        pilot.app.screen.refresh_bindings()
        await settle(pilot)
        shown = [key.key for key in pilot.app.query_one(KeyLine).query(FooterKey)]
        assert "f9" in shown
        assert "space" not in shown
