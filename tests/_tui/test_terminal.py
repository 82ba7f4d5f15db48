from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from rich.segment import Segment
from textual.app import App
from textual.color import Color
from textual.drivers.linux_driver import LinuxDriver
from textual.filter import Monochrome

from rlm_runtime._errors import InputError
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


async def test_a_terminal_that_cannot_be_read_is_told_by_who_opened_the_viewer(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with open_source(await write(tmp_path, *SMALL_RUN)) as source:
        viewer = Viewer(source)

        async def lose_it(_pilot: object) -> None:
            # As Textual does when its thread that reads the keys has failed
            viewer.panic("what a model wrote")

        await viewer.run_async(headless=True, auto_pilot=lose_it)
    assert isinstance(viewer.failure, InputError)
    assert "what a model wrote" not in "".join(capfd.readouterr())


def test_what_is_overridden_in_the_toolkit_is_there_still() -> None:
    # No type checker tells of a method that nobody calls any more
    assert callable(App._print_error_renderables)
    assert callable(LinuxDriver._get_terminal_size)
