"""The looks of the viewer: its letters, and which of them look alike.

`RLM_RENEW_LOOKS=1` writes the files anew: read the diff before it is committed.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from rich.style import Style
from textual.pilot import Pilot

from benchmarks._shown_scenes import SCENES, SIZES, drawn, open_scene, wait_for
from benchmarks.viewer_screens import THEMES, file_name
from rlm_runtime._paths import package_file

LOOKS = Path(__file__).parent / "looks"
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def look(pilot: Pilot[None]) -> str:
    """Give the letters of the screen, then a letter for the style of each of them."""
    letters: dict[Style, str] = {}
    texts, styles = [], []
    for strip in drawn(pilot.app):
        texts.append(strip.text.rstrip())
        line = ""
        for segment in strip:
            style = (segment.style or Style()).without_color + _colours(segment.style)
            letter = letters.setdefault(style, _LETTERS[len(letters) % len(_LETTERS)])
            line += letter * segment.cell_length
        styles.append(line)
    return "\n".join([*texts, "", *styles, ""])


def _colours(style: Style | None) -> Style:
    return Style(color=style.color, bgcolor=style.bgcolor) if style else Style()


def compare(name: str, shown: str) -> None:
    """Compare a look with the one on file."""
    path = LOOKS / f"{name}.txt"
    if os.environ.get("RLM_RENEW_LOOKS"):
        LOOKS.mkdir(exist_ok=True)
        path.write_text(shown, "utf-8")
    assert shown == path.read_text("utf-8")


@pytest.mark.anyio
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("scene", SCENES)
async def test_a_scene_looks_as_before(tmp_path: Path, scene: str, size: tuple[int, int]) -> None:
    async with open_scene(scene, tmp_path, size) as pilot:
        compare(f"{scene}-{size[0]}x{size[1]}", look(pilot))


@pytest.mark.anyio
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_help_looks_as_before(tmp_path: Path, size: tuple[int, int]) -> None:
    async with open_scene("finished", tmp_path, size) as pilot:
        await pilot.press("question_mark")
        await wait_for(pilot, "escape  closes")
        compare(f"help-{size[0]}x{size[1]}", look(pilot))


@pytest.mark.parametrize("tone", THEMES)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("scene", SCENES)
def test_screenshots_ask_no_network(scene: str, size: tuple[int, int], tone: str) -> None:
    svg = package_file(f"_tui/screens/{file_name(scene, size, tone)}").read_text("utf-8")
    assert svg.startswith("<svg") and svg.rstrip().endswith("</svg>")
    # The name of the language is all that looks like an address
    assert svg.count("://") == 1 and 'xmlns="http://www.w3.org/2000/svg"' in svg
    assert "@import" not in svg and "url(http" not in svg and "<script" not in svg
