"""The writer loses nothing, waits for a full disk, and leaves nothing behind."""

from __future__ import annotations

import errno
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from rlm_runtime._errors import TraceError
from rlm_runtime._events import Event, SandboxLost, TraceFailed, TraceRecovered, TraceStalled
from rlm_runtime._trace import writer as writer_module
from rlm_runtime._trace.encoding import EventEncoder
from rlm_runtime._trace.places import is_being_written
from rlm_runtime._trace.reader import open_trace, read_trace
from rlm_runtime._trace.recorder import Recorder
from rlm_runtime._trace.writer import open_trace_writer, reopen_trace_writer
from tests._trace.events import lost

pytestmark = pytest.mark.anyio


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(20):
        while True:
            await anyio.sleep(0.001)
            if condition():
                return


def open_files() -> list[str]:
    """Name the files of traces that this process has open."""
    links = []
    for fd in Path("/proc/self/fd").iterdir():
        try:
            links.append(os.readlink(fd))
        except OSError:
            continue
    return [link for link in links if link.endswith("trace.msgpack")]


async def test_all_that_was_written_is_there_after_waiting(tmp_path: Path) -> None:
    async with open_trace_writer(tmp_path, "r") as writer:
        for count in range(5):
            for number in range(300):
                writer.write(lost(300 * count + number))
            await writer.wait_written()
            assert [event.seq for event in read_trace(writer.path)] == list(
                range(300 * count + 300)
            )


async def test_the_end_of_the_block_writes_what_is_left(tmp_path: Path) -> None:
    with anyio.CancelScope() as scope:
        async with open_trace_writer(tmp_path, "r") as writer:
            for number in range(2000):
                writer.write(lost(number))
            scope.cancel()
            await anyio.sleep_forever()
    assert len(list(read_trace(writer.path))) == 2000
    assert not is_being_written(writer.path)
    assert open_files() == []


async def test_an_error_leaves_the_block_as_itself(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="^mine$"):
        async with open_trace_writer(tmp_path, "r") as writer:
            writer.write(lost(1))
            raise TraceError("mine")
    assert list(read_trace(writer.path)) == [lost(1)]


async def test_a_value_is_before_the_event_that_names_it_and_there_once(tmp_path: Path) -> None:
    large = os.urandom(9 * 2**20)

    async def name(node: int) -> None:
        value: object = large if node % 2 else {"small": 1}
        writer.write(SandboxLost(node=node, reason=await writer.keep(value)))

    async with open_trace_writer(tmp_path, "r") as writer, anyio.create_task_group() as tasks:
        for node in range(40):
            tasks.start_soon(name, node)
    whole = writer.path.read_bytes()
    assert len(whole) < 9.1 * 2**20
    # Cut behind each event: what it names is there without what follows
    with open_trace(writer.path) as trace:
        placed = list(trace.placed_events())
    for at, event in placed[:3]:
        assert isinstance(event, SandboxLost)
        cut = tmp_path / "cut"
        cut.write_bytes(whole[:at])
        with open_trace(cut) as trace:
            assert trace.value(event.reason) in (large, {"small": 1})


async def test_a_value_that_was_given_up_is_written_by_the_next(tmp_path: Path) -> None:
    large = os.urandom(30 * 2**20)
    async with open_trace_writer(tmp_path, "r") as writer:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(writer.keep, large)
            await until(lambda: writer.path.stat().st_size > 2**20)
            tasks.cancel_scope.cancel()
        ref = await writer.keep(large)
    with open_trace(writer.path) as trace:
        assert trace.value(ref) == large


async def test_a_large_value_does_not_fill_the_queue(tmp_path: Path) -> None:
    value = os.urandom(120 * 2**20)
    most = 0

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, writer._queued_bytes)
            await anyio.lowlevel.checkpoint()

    async with open_trace_writer(tmp_path, "r") as writer:
        with full_disk(2**20):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(watch)
                with anyio.move_on_after(1.5) as scope:
                    await writer.keep(value)
                tasks.cancel_scope.cancel()
    assert scope.cancelled_caught
    assert most < 40 * 2**20


async def test_a_full_disk_is_waited_for_and_told(tmp_path: Path) -> None:
    told: list[Event] = []
    async with open_trace_writer(tmp_path, "r") as writer:
        recorder = Recorder(writer, told.append)
        recorder.record(lost(0))
        await recorder.wait_written()
        before = writer.path.stat().st_size
        with full_disk(before + 20):
            for number in range(1, 50):
                recorder.record(lost(number))
            await until(lambda: writer.stalled is not None)
            with anyio.move_on_after(0.1) as waited:
                await recorder.wait_written()
            assert waited.cancelled_caught
            # What is half written is not seen
            assert writer.path.stat().st_size == before + 20
            assert len(list(read_trace(writer.path))) == 1
        await recorder.wait_written()
        assert (writer.stalled, writer.error) == (None, None)
        ref = await recorder.keep("later")
    back = list(read_trace(writer.path))
    assert back == told
    kinds = [type(event) for event in back if not isinstance(event, SandboxLost)]
    assert kinds == [TraceStalled, TraceRecovered]
    assert [event.seq for event in back] == list(range(52))
    with open_trace(writer.path) as trace:
        assert trace.value(ref) == "later"


async def test_a_disk_that_stays_full_ends_the_trace_but_not_the_run(tmp_path: Path) -> None:
    told: list[Event] = []
    async with open_trace_writer(tmp_path, "r", patience=0.0) as writer:
        recorder = Recorder(writer, told.append)
        recorder.record(lost(0))
        await recorder.wait_written()
        whole = writer.path.stat().st_size
        with full_disk(whole + 20):
            recorder.record(lost(1))
            await recorder.wait_written()
            assert writer.error is not None
        recorder.record(lost(2))
        await recorder.wait_written()
        assert await recorder.keep("x") == ""
        assert await writer.keep("x") == ""
    assert writer.path.stat().st_size == whole
    assert list(read_trace(writer.path)) == [told[0]]
    assert [type(event) for event in told] == [SandboxLost, SandboxLost, TraceFailed, SandboxLost]
    assert writer.error == f"Cannot write to trace {str(writer.path)!r}: File too large"


async def test_the_end_of_the_block_waits_for_a_full_disk_within_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "_CLOSE_SECONDS", 0.3)
    told: list[Event] = []
    with anyio.fail_after(20):
        async with open_trace_writer(tmp_path, "r") as writer:
            recorder = Recorder(writer, told.append)
            recorder.record(lost(0))
            await recorder.wait_written()
            soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (writer.path.stat().st_size + 9, hard))
            recorder.record(lost(1))
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(read_trace(writer.path)) == told[:1]
    assert isinstance(told[-1], TraceFailed)
    assert open_files() == []
    assert not is_being_written(writer.path)


async def test_an_error_without_hope_ends_the_trace_at_once(tmp_path: Path) -> None:
    async with open_trace_writer(tmp_path, "r") as writer:
        writer.write(lost(0))
        await writer.wait_written()
        # A pipe that nobody reads takes the place of the file
        read_end, write_end = os.pipe()
        os.close(read_end)
        os.dup2(write_end, writer._sink._fd)
        os.close(write_end)
        writer.write(lost(1))
        await writer.wait_written()
        assert writer.error is not None and writer.error.endswith("Broken pipe")
    assert list(read_trace(writer.path)) == [lost(0)]


async def test_a_disk_that_hangs_does_not_hold_up_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "_CLOSE_SECONDS", 0.3)
    read_end, write_end = os.pipe()
    with anyio.fail_after(20):
        async with open_trace_writer(tmp_path, "r") as writer:
            # A pipe that nobody reads takes the place of the file
            os.dup2(write_end, writer._sink._fd)
            taken = writer._sink._fd
            for number in range(5000):
                writer.write(lost(number))
    assert writer.error is not None
    # The number of the file may be that of another one now, which the thread must not meet
    other = tmp_path / "other"
    fd = os.open(other, os.O_WRONLY | os.O_CREAT)
    assert fd <= taken
    os.close(write_end)
    while await anyio.to_thread.run_sync(os.read, read_end, 2**16):
        pass
    os.close(read_end)
    os.close(fd)
    assert other.stat().st_size == 0


async def test_what_was_written_is_synced_at_the_end_and_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    sync = os.fdatasync

    def watched(fd: int) -> None:
        sync(fd)
        synced.append(os.fstat(fd).st_size)

    monkeypatch.setattr(os, "fdatasync", watched)
    monkeypatch.setattr(writer_module, "_SYNC_SECONDS", 0.01)
    async with open_trace_writer(tmp_path, "r") as writer:
        for number in range(3):
            writer.write(lost(number))
            await writer.wait_written()
            await until(lambda: writer.path.stat().st_size in synced)
        writer.write(lost(9))
    assert synced[-1] == writer.path.stat().st_size


async def test_a_sync_that_fails_ends_the_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fdatasync", fail)
    async with open_trace_writer(tmp_path, "r") as writer:
        writer.write(lost(0))
        await until(lambda: writer.error is not None)
    assert writer.error == f"Cannot write to trace {str(writer.path)!r}: Input/output error"


async def test_want_of_memory_ends_the_trace_but_not_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def encode(self: EventEncoder, event: Event) -> Iterator[bytes]:
        raise MemoryError

    async with open_trace_writer(tmp_path, "r") as writer:
        writer.write(lost(0))
        await writer.wait_written()
        monkeypatch.setattr(EventEncoder, "encode", encode)
        writer.write(lost(1))
        await writer.wait_written()
        assert writer.error is not None and writer.error.endswith("Cannot allocate memory")
    assert list(read_trace(writer.path)) == [lost(0)]


async def test_a_trace_goes_on_after_a_torn_record(tmp_path: Path) -> None:
    async with open_trace_writer(tmp_path, "r") as writer:
        ref = await writer.keep("kept " * 1000)
        writer.write(lost(0))
        await writer.wait_written()
        whole = writer.path.stat().st_size
        writer.write(lost(1))
    os.truncate(writer.path, writer.path.stat().st_size - 3)
    async with reopen_trace_writer(writer.path) as again:
        assert writer.path.stat().st_size == whole
        assert is_being_written(writer.path)
        assert await again.keep("kept " * 1000) == ref
        again.write(lost(2))
        await again.wait_written()
        assert writer.path.stat().st_size < whole + 300
    assert list(read_trace(writer.path)) == [lost(0), lost(2)]
    assert open_files() == []


async def test_a_value_that_is_not_whole_is_written_again(tmp_path: Path) -> None:
    value = os.urandom(9 * 2**20)
    async with open_trace_writer(tmp_path, "r") as writer:
        await writer.keep(value)
    os.truncate(writer.path, 6 * 2**20)
    async with reopen_trace_writer(writer.path) as again:
        ref = await again.keep(value)
    with open_trace(writer.path) as trace:
        assert trace.value(ref) == value


async def test_a_trace_that_is_being_written_is_not_gone_on_with(tmp_path: Path) -> None:
    async with open_trace_writer(tmp_path, "r") as writer:
        with pytest.raises(TraceError, match="Cannot go on with trace .*: its run is still going"):
            async with reopen_trace_writer(writer.path):
                pass
        assert len(open_files()) == 1


async def test_who_asks_whether_it_is_written_does_not_stop_a_writer(tmp_path: Path) -> None:
    async with open_trace_writer(tmp_path, "r") as writer:
        pass
    code = (
        "import sys, pathlib; from rlm_runtime._trace.places import is_being_written\n"
        "print(flush=True)\n"
        "while True: is_being_written(pathlib.Path(sys.argv[1]))"
    )
    command = [sys.executable, "-c", code, str(writer.path)]
    async with await anyio.open_process(command) as asking:
        assert asking.stdout is not None
        await asking.stdout.receive()
        try:
            for _ in range(100):
                async with reopen_trace_writer(writer.path):
                    pass
        finally:
            asking.kill()


async def test_a_damaged_trace_is_not_gone_on_with(tmp_path: Path) -> None:
    async with open_trace_writer(tmp_path, "r") as writer:
        for number in range(5):
            writer.write(lost(number))
    whole = bytearray(writer.path.read_bytes())
    whole[len(whole) // 2] ^= 1
    writer.path.write_bytes(whole)
    with pytest.raises(TraceError, match="it is damaged at byte"):
        async with reopen_trace_writer(writer.path):
            pass
    assert writer.path.read_bytes() == whole
    assert open_files() == []
    for path, reason in ((tmp_path, "Is a directory"), (tmp_path / "none", "No such file")):
        with pytest.raises(TraceError, match=f"Cannot go on with trace .*: {reason}"):
            async with reopen_trace_writer(path):
                pass


async def test_writing_never_waits_for_the_disk(tmp_path: Path) -> None:
    async with open_trace_writer(tmp_path, "r") as writer:
        await writer.wait_written()
        before = writer.path.stat().st_size
        began = time.process_time()
        for number in range(1000):
            writer.write(lost(number))
        # Nothing has been done yet but putting them into the queue
        assert writer.path.stat().st_size == before
        assert time.process_time() - began < 1
    assert len(list(read_trace(writer.path))) == 1000
