"""A trace is read as far as it goes: torn, growing, resumed."""

from __future__ import annotations

import os
from pathlib import Path

import anyio
import pytest

from rlm_runtime._errors import TraceError
from rlm_runtime._events import Event
from rlm_runtime._trace.format import START_BYTES
from rlm_runtime._trace.reader import follow_trace, open_trace, read_trace
from rlm_runtime._trace.writer import open_trace_writer, reopen_trace_writer
from tests._trace.events import lost
from tests.traces import write_trace


def test_torn_last_record_is_left_out_wherever_it_tore(tmp_path: Path) -> None:
    path = write_trace(tmp_path, "r", lost(0), lost(1))
    whole = path.read_bytes()
    size_before = len(write_trace(tmp_path, "s", lost(0)).read_bytes())
    torn = tmp_path / "torn"
    for size in range(size_before, len(whole)):
        for left in (b"", b"\0" * (len(whole) - size), b"\0" * 5000):
            torn.write_bytes(whole[:size] + left)
            assert list(read_trace(torn)) == [lost(0)]


@pytest.mark.anyio
async def test_what_was_torn_is_gone_on_with_wherever_it_tore(tmp_path: Path) -> None:
    path = write_trace(tmp_path, "r", lost(0), lost(1))
    whole = path.read_bytes()
    size_before = len(write_trace(tmp_path, "s", lost(0)).read_bytes())
    for size in range(size_before, len(whole), 3):
        for left in (b"", b"\0" * 50):
            path.write_bytes(whole[:size] + left)
            async with reopen_trace_writer(path) as writer:
                writer.write(lost(2))
            assert list(read_trace(path)) == [lost(0), lost(2)]


def test_a_damaged_record_in_the_middle_is_an_error(tmp_path: Path) -> None:
    path = write_trace(tmp_path, "r", *map(lost, range(4)))
    whole = path.read_bytes()
    for at in range(START_BYTES, len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 0x10
        path.write_bytes(damaged)
        events: list[Event] = []
        try:
            events.extend(read_trace(path))
        except TraceError:
            pass
        else:
            # Only the last one may be taken for torn
            assert events == list(map(lost, range(3)))


def test_new_events_are_given_once(tmp_path: Path) -> None:
    whole = write_trace(tmp_path, "r", *map(lost, range(50))).read_bytes()
    growing = tmp_path / "growing"
    growing.write_bytes(whole[:60])
    with open_trace(growing) as trace, growing.open("ab", buffering=0) as file:
        seen: list[Event] = []
        for at in range(60, len(whole), 7):
            file.write(whole[at : at + 7])
            seen.extend(trace.new_events())
            assert seen == list(trace.events())
        assert seen == list(map(lost, range(50)))
        assert list(trace.new_events()) == []


@pytest.mark.anyio
async def test_a_growing_trace_is_followed_to_its_end(tmp_path: Path) -> None:
    seen: list[Event] = []

    async def follow(path: Path) -> None:
        async for event in follow_trace(path):
            seen.append(event)
            came.set()

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            async with open_trace_writer(tmp_path, "r") as writer:
                tasks.start_soon(follow, writer.path)
                for number in range(10):
                    came = anyio.Event()
                    writer.write(lost(number))
                    await came.wait()
                writer.write(lost(10))
    assert seen == list(map(lost, range(11)))


@pytest.mark.anyio
@pytest.mark.parametrize("zeros", [0, 100])
async def test_a_reader_sees_what_a_resumed_run_writes(tmp_path: Path, zeros: int) -> None:
    async with open_trace_writer(tmp_path, "r") as writer:
        writer.write(lost(0))
        writer.write(lost(1))
    size = writer.path.stat().st_size
    os.truncate(writer.path, size - 50)
    os.truncate(writer.path, size - 50 + zeros)
    with open_trace(writer.path) as trace:
        assert list(trace.new_events()) == [lost(0)]
        async with reopen_trace_writer(writer.path) as again:
            ref = await again.keep("value " * 500)
            again.write(lost(2))
            await again.wait_written()
            assert list(trace.new_events()) == [lost(2)]
            assert trace.value(ref) == "value " * 500


@pytest.mark.anyio
async def test_what_comes_before_damage_is_followed(tmp_path: Path) -> None:
    path = write_trace(tmp_path, "r", *map(lost, range(500)))
    path.write_bytes(path.read_bytes() + b"\1" * 30)
    seen: list[Event] = []
    with pytest.raises(TraceError, match="it is damaged"):
        async for event in follow_trace(path):
            seen.append(event)
    assert seen == list(map(lost, range(500)))


def test_missing_file_is_a_trace_error(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="No such file"):
        list(read_trace(tmp_path / "none"))
    with pytest.raises(TraceError, match="Is a directory"):
        list(read_trace(tmp_path))
