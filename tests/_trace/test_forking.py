"""A new trace begins with the records of another one, values included."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from rlm_runtime._errors import TraceError
from rlm_runtime._events import SandboxLost
from rlm_runtime._trace.forking import copy_prefix
from rlm_runtime._trace.reader import open_trace, read_trace
from rlm_runtime._trace.writer import open_trace_writer, reopen_trace_writer
from tests._trace.events import lost

pytestmark = pytest.mark.anyio


async def test_what_is_before_an_event_is_copied(tmp_path: Path) -> None:
    value = os.urandom(5 * 2**20)
    long = SandboxLost(seq=2, node=2, reason="why " * 1000)
    async with open_trace_writer(tmp_path, "old") as writer:
        writer.write(lost(0))
        ref = await writer.keep(value)
        writer.write(lost(1))
        writer.write(long)
        writer.write(lost(3))
    for before_seq, expected in ((0, []), (2, [lost(0), lost(1)]), (3, [lost(0), lost(1), long])):
        run = f"new{before_seq}"
        path = await copy_prefix(writer.path, tmp_path / "forks", run, before_seq=before_seq)
        assert path == tmp_path / "forks" / run / "trace.msgpack"
        async with reopen_trace_writer(path) as again:
            again.write(lost(9))
        with open_trace(path) as trace:
            assert trace.header.run == run
            assert list(trace.events()) == [*expected, lost(9)]
            if before_seq:
                assert trace.value(ref) == value
    assert [event.seq for event in read_trace(writer.path)] == [0, 1, 2, 3]


async def test_all_that_is_whole_is_copied_where_no_event_ends_it(tmp_path: Path) -> None:
    async with open_trace_writer(tmp_path, "old") as writer:
        writer.write(lost(0))
        await writer.wait_written()
        ref = await writer.keep("kept")
        await writer.wait_written()
        with writer.path.open("ab") as file:
            file.write(b"torn")
        path = await copy_prefix(writer.path, tmp_path, "new", before_seq=7)
    with open_trace(path) as trace:
        assert list(trace.events()) == [lost(0)]
        assert trace.value(ref) == "kept"
    assert not path.read_bytes().endswith(b"torn")


async def test_no_trace_is_made_of_a_damaged_one_or_over_another(tmp_path: Path) -> None:
    async with open_trace_writer(tmp_path, "old") as writer:
        writer.write(lost(0))
    with pytest.raises(TraceError, match="File exists"):
        await copy_prefix(writer.path, tmp_path, "old", before_seq=1)
    writer.path.write_bytes(writer.path.read_bytes() + b"\1" * 40)
    with pytest.raises(TraceError, match="it is damaged"):
        await copy_prefix(writer.path, tmp_path, "new", before_seq=1)
    assert not (tmp_path / "new").exists()


async def test_a_copy_for_which_there_is_no_room_leaves_no_trace(tmp_path: Path) -> None:
    async with open_trace_writer(tmp_path, "old") as writer:
        await writer.keep(os.urandom(2**20))
        writer.write(lost(0))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**19, before[1]))
    try:
        with pytest.raises(TraceError, match="Cannot copy trace .*: File too large"):
            await copy_prefix(writer.path, tmp_path, "new", before_seq=9)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not (tmp_path / "new" / "trace.msgpack").exists()
