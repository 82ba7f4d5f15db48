"""The viewer follows a trace through all that can become of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from textual.pilot import Pilot

from rlm_runtime._events import Event, TraceFailed, TraceRecovered, TraceStalled
from rlm_runtime._trace.writer import TraceWriter, open_trace_writer, reopen_trace_writer
from tests._cli.events import SMALL_RUN, node_ended, resumed, run_ended
from tests._tui.viewing import open_viewer, screen_text, settle, viewer_of, write

pytestmark = pytest.mark.anyio

BEGUN = SMALL_RUN[:4]


@asynccontextmanager
async def growing(folder: Path, *events: Event) -> AsyncIterator[TraceWriter]:
    """Write a trace that is still open within the block; what is given is in the file."""
    async with open_trace_writer(folder, "run") as writer:
        await add(writer, *events)
        yield writer


async def add(writer: TraceWriter, *events: Event) -> None:
    for event in events:
        writer.write(event)
    await writer.wait_written()


async def wait(pilot: Pilot[None], is_so: Callable[[], bool]) -> None:
    """Wait until something is so, and on the screen."""
    with anyio.fail_after(50):
        while not is_so():
            await pilot.pause(0.02)
    await settle(pilot)


async def wait_text(pilot: Pilot[None], text: str) -> None:
    """Wait until the screen shows a text."""

    def is_shown() -> bool:
        return text in " ".join(screen_text(pilot).split())

    await wait(pilot, is_shown)


def texts(pilot: Pilot[None]) -> list[str]:
    """Give what was told in passing."""
    return [one.message for one in viewer_of(pilot)._notifications]


async def test_a_file_that_has_only_a_header_is_waited_for(tmp_path: Path) -> None:
    async with growing(tmp_path) as writer, open_viewer(writer.path) as pilot:
        await wait_text(pilot, "○ Waiting for the first event")
        await add(writer, *BEGUN)
        await wait(pilot, lambda: viewer_of(pilot).position == len(BEGUN) - 1)
        assert "Waiting" not in screen_text(pilot)


@pytest.mark.parametrize("follow", [True, False])
async def test_the_moment_stays_at_the_newest_event_when_asked_to(
    tmp_path: Path, follow: bool
) -> None:
    async with growing(tmp_path, *BEGUN) as writer:
        async with open_viewer(writer.path, follow=follow) as pilot:
            viewer = viewer_of(pilot)
            await add(writer, *SMALL_RUN[4:6])
            await wait(pilot, lambda: viewer.record.last == 5)
            assert viewer.view.position == (5 if follow else 3)
            await pilot.press("f")
            await add(writer, *SMALL_RUN[6:8])
            await wait(pilot, lambda: viewer.record.last == 7)
            assert viewer.view.position == (5 if follow else 7)


async def test_any_move_frees_the_moment(tmp_path: Path) -> None:
    async with growing(tmp_path, *BEGUN) as writer:
        async with open_viewer(writer.path, follow=True) as pilot:
            viewer = viewer_of(pilot)
            await pilot.press("left")
            await settle(pilot)
            assert (viewer.following, viewer.view.position) == (False, 2)
            await add(writer, *SMALL_RUN[4:6])
            await wait(pilot, lambda: viewer.record.last == 5)
            assert viewer.view.position == 2
            await pilot.press("end")
            await add(writer, *SMALL_RUN[6:8])
            await wait(pilot, lambda: viewer.record.last == 7)
            assert (viewer.following, viewer.view.position) == (True, 7)


async def test_the_end_of_a_run_is_told(tmp_path: Path) -> None:
    async with growing(tmp_path, *BEGUN) as writer:
        async with open_viewer(writer.path, follow=True) as pilot:
            viewer_of(pilot).resume_command = lambda why: f"rlm resume run --{why}"
            await add(writer, run_ended("max_cost"))
            told = "The run ended: max_cost; rlm resume run --max_cost goes on from here"
            await wait(pilot, lambda: told in texts(pilot))


async def test_what_was_there_before_is_not_told(tmp_path: Path) -> None:
    async with open_viewer(await write(tmp_path, *SMALL_RUN)) as pilot:
        assert texts(pilot) == []


async def test_trouble_with_the_trace_is_told(tmp_path: Path) -> None:
    async with growing(tmp_path, *BEGUN) as writer:
        async with open_viewer(writer.path, follow=True) as pilot:
            await add(writer, TraceStalled(error="no space\x1b[2J"), TraceRecovered(seconds=3.2))
            await wait(pilot, lambda: len(texts(pilot)) == 2)
            assert texts(pilot) == [
                "no space\\x1b[2J; model calls waited until it could be written",
                "The trace is written again after 3.2 s",
            ]
            await add(writer, TraceFailed(error="no space"))
            await wait_text(pilot, "✗ The trace could not be written any more")
            assert "no space; the run goes on without it" in texts(pilot)


async def test_a_run_that_is_killed_and_resumed_goes_on_in_the_same_view(tmp_path: Path) -> None:
    with victim(tmp_path) as process:
        path = tmp_path / "run" / "trace.msgpack"
        async with open_viewer(path, follow=True) as pilot:
            viewer = viewer_of(pilot)
            viewer.resume_command = lambda why: None if why else "rlm resume run"
            await wait(pilot, lambda: viewer.record.last == len(BEGUN) - 1)
            assert "crashed" not in screen_text(pilot)
            process.send_signal(signal.SIGKILL)
            gone = "☠ The run crashed: its process is gone; rlm resume run goes on from here"
            await wait_text(pilot, gone)
            await pilot.press("home", "right")
            await settle(pilot)
            assert viewer.view.position == 1
            assert gone in " ".join(screen_text(pilot).split())
            await pilot.press("f")
            async with reopen_trace_writer(path) as writer:
                await add(writer, resumed(at=500))
                await wait(pilot, lambda: viewer.view.position == len(BEGUN))
                assert viewer.state == "growing"
                assert "its process is gone" not in screen_text(pilot)
                assert "The run goes on" in texts(pilot)
                await add(writer, node_ended(1), node_ended(0), run_ended())
            await wait(pilot, lambda: viewer.state == "still")
            assert "The run ended: answered" in texts(pilot)
            assert "its process is gone" not in screen_text(pilot)


async def test_a_run_of_this_process_is_told_of_once(tmp_path: Path) -> None:
    async with growing(tmp_path, *BEGUN) as writer:
        async with open_viewer(writer.path, follow=True) as pilot:
            viewer_of(pilot).keep_print = lambda text: None
            await add(writer, resumed(at=500), run_ended())
            await wait(pilot, lambda: bool(texts(pilot)))
            assert texts(pilot) == ["The run ended: answered"]


async def test_a_torn_end_is_no_damage_and_is_cut_by_who_goes_on(tmp_path: Path) -> None:
    path = await write(tmp_path, *SMALL_RUN[:5])
    torn = path.stat().st_size - 3
    os.truncate(path, torn)
    async with open_viewer(path, follow=True) as pilot:
        viewer = viewer_of(pilot)
        await wait_text(pilot, "its process is gone")
        assert (viewer.damage, path.stat().st_size) == ("", torn)
        async with reopen_trace_writer(path) as writer:
            await add(writer, resumed(at=500))
            await wait(pilot, lambda: viewer.record.last == len(BEGUN))


async def test_damage_shows_what_came_before_and_where_it_is(tmp_path: Path) -> None:
    path = await write(tmp_path, *SMALL_RUN)
    whole = path.stat().st_size
    with path.open("ab") as file:
        file.write(b"\xc1" * 20)
    async with open_viewer(path, size=(200, 40)) as pilot:
        assert viewer_of(pilot).record.last == len(SMALL_RUN) - 1
        await wait_text(pilot, f"it is damaged at byte {whole}; what could be read is shown")
        await pilot.press("home", "right")
        await settle(pilot)
        assert viewer_of(pilot).view.position == 1


async def test_damage_that_comes_later_is_told_too(tmp_path: Path) -> None:
    async with growing(tmp_path, *BEGUN) as writer:
        async with open_viewer(writer.path, follow=True, size=(200, 40)) as pilot:
            with writer.path.open("ab") as file:
                file.write(b"\xc1" * 20)
            await wait_text(pilot, "; what could be read is shown")
            assert viewer_of(pilot).record.last == len(BEGUN) - 1


async def test_a_file_that_is_deleted_is_told_and_the_rest_still_read(tmp_path: Path) -> None:
    async with growing(tmp_path, *BEGUN) as writer:
        async with open_viewer(writer.path, follow=True) as pilot:
            writer.path.unlink()
            gone = "✗ The file of the trace is gone: No such file or directory"
            await wait_text(pilot, gone)
            await add(writer, *SMALL_RUN[4:6])
            await wait(pilot, lambda: viewer_of(pilot).view.position == 5)
            assert gone in screen_text(pilot)
            assert "its process is gone" not in screen_text(pilot)


async def test_a_file_that_is_replaced_is_told(tmp_path: Path) -> None:
    other = await write(tmp_path, *SMALL_RUN, run="other")
    async with open_viewer(await write(tmp_path, *BEGUN), follow=True) as pilot:
        os.replace(other, viewer_of(pilot).source.path)
        await wait_text(pilot, "✗ Another file has taken the place of this trace")
        assert viewer_of(pilot).record.last == len(BEGUN) - 1


async def test_a_file_that_is_emptied_crashes_nothing(tmp_path: Path) -> None:
    path = await write(tmp_path, *BEGUN)
    async with open_viewer(path, follow=True) as pilot:
        path.write_bytes(b"")
        path.write_bytes(b"\xc1" * 100_000)
        await wait_text(pilot, "; what could be read is shown")
        assert viewer_of(pilot).record.last == len(BEGUN) - 1


VICTIM = """
import sys
from pathlib import Path
from tests._cli.events import SMALL_RUN
from tests.traces import growing_trace

with growing_trace(Path(sys.argv[1]), "run", *SMALL_RUN[:4]):
    print("written", flush=True)
    sys.stdin.read()
"""


def victim(folder: Path) -> subprocess.Popen[bytes]:
    """Start a process that writes a trace and lives on."""
    process = subprocess.Popen(
        [sys.executable, "-c", VICTIM, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"written\n"
    return process
