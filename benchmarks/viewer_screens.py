"""Save screenshots of the viewer: `python -m benchmarks.viewer_screens [FOLDER]`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import anyio

from benchmarks._shown_scenes import SCENES, SIZES, open_scene
from rlm_runtime._paths import package_file
from rlm_runtime._tui.saving import self_contained

THEMES = {"dark": "rlm-dark", "light": "rlm-light"}


def file_name(scene: str, size: tuple[int, int], tone: str) -> str:
    """Name the file of a screenshot."""
    return f"{scene}-{size[0]}x{size[1]}-{tone}.svg"


async def save_screens(folder: Path) -> None:
    """Save every scene at every size, dark and light."""
    for scene in SCENES:
        for size in SIZES:
            for tone, theme in THEMES.items():
                path = folder / file_name(scene, size, tone)
                with tempfile.TemporaryDirectory() as traces:
                    async with open_scene(scene, Path(traces), size, theme=theme) as pilot:
                        svg = pilot.app.export_screenshot(title="rlm view", simplify=True)
                # The toolkit numbers its styles by chance, and a file that is the same stays so
                path.write_text(_renamed(self_contained(svg)), "utf-8")
                print(path)


def _renamed(svg: str) -> str:
    start = svg.find("terminal-")
    number = svg[start : svg.find("-", start + 9)]
    return svg.replace(number, "rlm")


def main() -> None:
    """Save them, in the package where no folder is named."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else package_file("_tui/screens")
    folder.mkdir(parents=True, exist_ok=True)
    anyio.run(save_screens, folder)


if __name__ == "__main__":
    main()
