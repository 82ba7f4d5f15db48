"""The file of a trace, once it is closed."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from rlm_runtime._trace.files import create_trace
from rlm_runtime._trace.sink import Sink
from tests._trace.events import lost


def test_nothing_is_written_or_synced_after_the_end_wherever_its_number_went(
    tmp_path: Path,
) -> None:
    path, number = create_trace(tmp_path, "r")
    sink = Sink(path, number, set())
    sink.close()
    size = path.stat().st_size
    other = os.open(tmp_path / "other", os.O_WRONLY | os.O_CREAT)
    try:
        os.dup2(other, number)
        errors = (sink.append([lost(0)]), sink.sync())
        assert [error and error.errno for error in errors] == [errno.EBADF] * 2
        assert os.fstat(other).st_size == 0 and path.stat().st_size == size
    finally:
        os.close(other)
        if number != other:
            os.close(number)
