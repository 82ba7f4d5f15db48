from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from rich.segment import Segment
from textual.color import Color
from textual.filter import Monochrome

from rlm_runtime._tui.app import Viewer
from rlm_runtime._tui.source import open_source
from rlm_runtime._tui.terminal import Styled
from tests._cli.events import SMALL_RUN
from tests._tui.viewing import open_viewer, viewer_of, write

pytestmark = pytest.mark.anyio


def test_a_segment_without_a_style_can_lose_its_colours() -> None:
    black = Color(0, 0, 0)
    styled = Styled().apply([Segment("plain")], black)
    assert [one.text for one in Monochrome().apply(styled, black)] == ["plain"]


async def test_without_colours_segments_get_a_style_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with open_viewer(await write(tmp_path, *SMALL_RUN)) as pilot:
        filters = [type(one) for one in viewer_of(pilot).get_line_filters()]
        assert filters.index(Styled) < filters.index(Monochrome)


async def test_the_event_loop_makes_tasks_as_before(tmp_path: Path) -> None:
    factories = []
    async with open_source(await write(tmp_path, *SMALL_RUN)) as source:
        viewer = Viewer(source)

        async def look(_pilot: object) -> None:
            factories.append(asyncio.get_running_loop().get_task_factory())
            viewer.exit()

        await viewer.run_async(headless=True, auto_pilot=look)
    assert factories == [None]
