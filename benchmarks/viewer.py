"""The viewer with a large run: until it is on the screen, from a key to the screen, memory."""

from __future__ import annotations

import math
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio
from textual.drivers.headless_driver import HeadlessDriver
from textual.pilot import Pilot

from benchmarks._harness import Row, percentiles, report
from benchmarks._pseudo_terminal import open_terminal
from benchmarks._synthetic_run import RUN, synthetic_events
from rlm_runtime._trace.writer import open_trace_writer
from rlm_runtime._tui.app import Viewer
from rlm_runtime._tui.collecting import Collector
from rlm_runtime._tui.opening import calm_collector
from rlm_runtime._tui.source import open_source

_START = "aim: 1,000 ms to the first paint"
_KEY = "aim: 50 ms from a key to the screen; first and last: what it draws, in milliseconds"
_NODES = 2_000
_SIZES = ((80, 24), (120, 40), (200, 60))
_STARTS = 5
_PRESSES = 20
_IDLE_SECONDS = 0.05

_KEYS: dict[str, tuple[str, ...]] = {
    "next, previous event": ("right", "left"),
    "next, previous iteration": ("shift+right", "shift+left"),
    "event of the entry": ("full_stop", "comma"),
    "end, start": ("end", "home"),
    "next, previous error": ("e", "E"),
    "next, previous child": ("c", "C"),
    "next, previous answer": ("a", "A"),
    "select down, up": ("down", "up"),
    "page down, up": ("pagedown", "pageup"),
    "parent, first child": ("p", "P"),
    "next, previous sibling": ("J", "K"),
    "fold, open": ("enter", "enter"),
    "pages 1 to 4": ("1", "2", "3", "4"),
    "pages 5 to 8": ("5", "6", "7", "8"),
    "heat": ("m", "m", "m"),
    "zoom in, out": ("z", "Z"),
    "timeline wider, narrower": ("plus", "minus"),
    "big, small": ("b", "b"),
    "other pane": ("tab", "shift+tab"),
    "wrap": ("w", "w"),
    "critical path on, off": ("x", "x"),
    "type a search, clear it": ("slash", *"letter", "enter", "n", "N", "escape"),
    "type a filter, clear it": ("ampersand", *"depth<3", "enter", "right", "down", "escape"),
    "critical path, heat and filter on": (
        *("x", "m", "ampersand", *"depth<3", "enter"),
        *("right", "e", "down", "end", "home", "escape", "m", "m", "x"),
    ),
    "help": ("question_mark", "pagedown", "escape"),
    "palette": ("ctrl+p", "down", "escape"),
}
"""What is pressed in turn; of what has several steps, each is a key."""
_PLACES = (0.0, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class _Paint:
    at: float
    size: int


@dataclass(frozen=True, slots=True)
class _Pressed:
    """What a key drew: milliseconds to the first and to the last time, and how many bytes."""

    first: float
    last: float
    size: int


class _Screen(HeadlessDriver):
    """A terminal that notes when it is written to."""

    paints: list[_Paint] = []

    @property
    def is_headless(self) -> bool:
        """Have all be drawn that would be on a terminal."""
        return False

    def write(self, data: str) -> None:
        """Note what is written."""
        self.paints.append(_Paint(time.perf_counter(), len(data)))


async def _write_trace(folder: Path) -> tuple[Path, int]:
    async with open_trace_writer(folder, RUN) as writer:
        written = 0
        for event in synthetic_events(_NODES):
            writer.write(event)
            written += 1
            if written % 5_000 == 0:
                await writer.wait_written()
        return writer.path, written


def _measure_starts(path: Path, events: int) -> Iterator[Row]:
    """Start the command on a terminal, and wait for the run to be shown."""
    command = [str(Path(sys.executable).parent / "rlm"), "view", str(path)]
    for size in _SIZES:
        shown = f"{size[0]}x{size[1]}"
        firsts, wholes, memory = [], [], []
        for _ in range(_STARTS):
            with open_terminal(command, size) as terminal:
                firsts.append(1000 * terminal.read_until(RUN[:15].encode(), 20))
                wholes.append(1000 * terminal.read_until(f"{events:,}".encode(), 30))
                memory.append(terminal.process.memory_info().rss / 2**20)
        yield {"size": shown, "what": "ms from `rlm view` to the run's line", **percentiles(firsts)}
        yield {"size": shown, "what": "ms until all is read and shown", **percentiles(wholes)}
        yield {"size": shown, "what": "MB resident then", **percentiles(memory)}


async def _measure_keys(path: Path, size: tuple[int, int]) -> list[Row]:
    """Press keys at several places of the run, and wait for what they draw."""
    rows: list[Row] = []
    everything: list[_Pressed] = []
    shown = f"{size[0]}x{size[1]}"
    async with open_source(path) as source:
        viewer = Viewer(source)
        viewer.collector = Collector()
        viewer.driver_class = _Screen
        async with viewer.run_test(headless=False, size=size) as pilot:
            while viewer.state == "reading":
                await pilot.pause(0.02)
            for what, keys in _KEYS.items():
                pressed: list[_Pressed] = []
                for place in _PLACES:
                    viewer.move_to(round(place * viewer.record.last))
                    await _settle(pilot)
                    # Whole rounds: what is opened is closed again
                    for key in keys * math.ceil(_PRESSES / len(_PLACES) / len(keys)):
                        pressed.append(await _press(pilot, key))
                rows.append(_row(shown, what, pressed))
                everything += pressed
    return [*rows, _row(shown, "all of them", everything)]


def _row(size: str, what: str, pressed: Sequence[_Pressed]) -> Row:
    drawn = [one for one in pressed if one.size]
    first = percentiles([one.first for one in drawn])
    last = percentiles([one.last for one in drawn])
    return {
        "size": size,
        "keys": what,
        "n": len(drawn),
        **{f"first {name}": first[name] for name in ("median", "p95", "max")},
        **{f"last {name}": last[name] for name in ("median", "p95", "max")},
        "bytes median": percentiles([one.size for one in drawn])["median"],
    }


async def _press(pilot: Pilot[None], key: str) -> _Pressed:
    """Press a key, and wait for all that it draws."""
    _Screen.paints.clear()
    began = time.perf_counter()
    await pilot.press(key)
    await _settle(pilot)
    paints = _Screen.paints or [_Paint(began, 0)]
    return _Pressed(
        1000 * (paints[0].at - began),
        1000 * (paints[-1].at - began),
        sum(paint.size for paint in paints),
    )


async def _settle(pilot: Pilot[None]) -> None:
    """Wait until nothing more is drawn."""
    await pilot.pause()
    while _Screen.paints and time.perf_counter() - _Screen.paints[-1].at < _IDLE_SECONDS:
        await pilot.pause(_IDLE_SECONDS / 5)


async def _measure_all(path: Path) -> list[Row]:
    return [row for size in _SIZES for row in await _measure_keys(path, size)]


def measure() -> None:
    """Print the tables, and write them as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        path, events = anyio.run(_write_trace, Path(folder))
        report("viewer_start", list(_measure_starts(path, events)), compared=_START)
        calm_collector()
        report("viewer_keys", anyio.run(_measure_all, path), compared=_KEY)


if __name__ == "__main__":
    measure()
