from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import anyio
import pytest
from textual.screen import Screen

from benchmarks._synthetic_run import synthetic_events
from rlm_runtime._tui.base import ViewerBase
from rlm_runtime._tui.source import Batch, open_source
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


async def test_what_is_to_be_shown_as_the_viewer_closes_is_not(tmp_path: Path) -> None:
    path = await write(tmp_path, *synthetic_events(1))
    async with open_viewer(path) as pilot:
        viewer = viewer_of(pilot)

        async def prune(screen: Screen[None]) -> None:
            await prune_before(screen)
            # As where the last batch is read while the panes go
            viewer.show_soon()
            handled = anyio.Event()
            viewer.call_later(handled.set)
            with anyio.fail_after(20):
                await handled.wait()

        prune_before, viewer._prune = viewer._prune, prune  # type: ignore[method-assign, assignment]  # a moment of its end
    assert viewer._exception is None


async def test_drawing_takes_a_part_of_the_time_of_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [(event, 0, False) for event in synthetic_events(3)]
    now, shown = 0.0, list[float]()

    class Counting(ViewerBase):
        def show_soon(self) -> None:
            self.show()
            shown.append(now)

    clock = SimpleNamespace(monotonic=lambda: now)
    monkeypatch.setattr("rlm_runtime._tui.base.time", clock)
    async with open_source(await write(tmp_path, events[0][0])) as source:
        viewer = Counting(source)
        for number in range(1_000):
            now = 0.1 * number
            viewer.take(Batch(events[:1], "reading"))
    assert shown[:3] == pytest.approx([0.1, 0.2, 0.3])
    assert 20 < len(shown) < 50
    assert shown[-1] > 80
