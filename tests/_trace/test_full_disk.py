"""A file system that is really full is waited for, and nothing is missing afterwards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_IN_A_SMALL_FILE_SYSTEM = [
    "unshare", "--user", "--map-root-user", "--mount",
    "sh", "-c", 'mount -t tmpfs -o size=512k none "$1" && shift && exec "$@"', "sh",
]  # fmt: skip
_PROGRAM = """
import os, sys
from pathlib import Path
import anyio
from rlm_runtime._trace.reader import open_trace
from rlm_runtime._trace.recorder import Recorder
from rlm_runtime._trace.writer import open_trace_writer, reopen_trace_writer
from tests._trace.events import lost

async def main(folder: Path) -> None:
    filler, told, values = folder / "filler", [], [os.urandom(30_000), "x" * 9000, os.urandom(700)]
    async with open_trace_writer(folder, "r") as writer:
        filler.write_bytes(bytes(460_000))
        stalled = anyio.Event()

        def on_event(event: object) -> None:
            told.append(event)
            if type(event).__name__ == "TraceStalled":
                stalled.set()

        recorder = Recorder(writer, on_event)
        refs = []
        for number in range(600):
            recorder.record(lost(number))
            if number % 200 == 0:
                refs.append(await recorder.keep(values[number // 200]))
        await stalled.wait()
        assert "No space left on device" in writer.stalled
        with open_trace(writer.path) as trace:
            assert len(list(trace.events())) < 600
        filler.unlink()
        await recorder.wait_written()
        assert writer.stalled is writer.error is None
    async with reopen_trace_writer(writer.path) as again:
        again.write(lost(99))
    with open_trace(writer.path) as trace:
        assert list(trace.events()) == [*told, lost(99)]
        assert [trace.value(ref) for ref in refs] == values
    print([type(event).__name__ for event in told if event.kind != "sandbox_lost"])

anyio.run(main, Path(sys.argv[1]))
"""


def test_a_full_file_system_is_waited_for(tmp_path: Path) -> None:
    inside = [*_IN_A_SMALL_FILE_SYSTEM, str(tmp_path)]
    try:
        subprocess.run([*inside, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no file system can be mounted here")
    command = [*inside, sys.executable, "-c", _PROGRAM, str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("['TraceStalled', 'TraceRecovered']\n", "")
