"""The viewer on a terminal that keeps all that it is sent."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
from textual.drivers.headless_driver import HeadlessDriver
from textual.pilot import Pilot

from rlm_runtime._tui.app import Viewer
from rlm_runtime._tui.source import open_source

OWN = re.compile(
    r"\x1b\[[0-9;:]*[mHJK]"  # colours, places, and what is wiped
    r"|\x1b\[\?(?:25|1049|2026|1000|1003|1015|1006|1004|2004|2048|2031)[hl]"
    r"|\x1b\]22;[a-z-]*\x07"  # the shape of the pointer
    r"|\x1b\]52;c;[A-Za-z0-9+/=]*(?:\x07|\x1b\\)"  # the clipboard, in base 64
)
"""What the toolkit sends by itself."""


class Recorder(HeadlessDriver):
    """Keeps what is written."""

    sent: list[str]

    @property
    def is_headless(self) -> bool:
        """Have the viewer write as if somebody looked on."""
        return False

    def write(self, data: str) -> None:
        """Keep it."""
        self.sent.append(data)


async def record(
    path: Path, drive: Callable[[Pilot[object]], Awaitable[None]], *, size: tuple[int, int]
) -> str:
    """Show a trace, have the viewer driven, and give all that the terminal was sent."""
    sent: list[str] = []

    class Kept(Recorder):
        pass

    Kept.sent = sent
    async with open_source(path) as source:
        viewer = Viewer(source)
        viewer.driver_class = Kept

        async def drive_it(pilot: Pilot[object]) -> None:
            with anyio.fail_after(50):
                while viewer.state == "reading":
                    await pilot.pause(0.01)
                assert not viewer.damage, viewer.damage
                await pilot.pause()
                await drive(pilot)
            viewer.exit()

        await viewer.run_async(size=size, auto_pilot=drive_it)
        if viewer.failure is not None:
            raise viewer.failure
    return "".join(sent)
