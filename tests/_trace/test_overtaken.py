"""A trace is cut and gone on with while somebody reads it."""

from __future__ import annotations

import os
from collections.abc import Callable
from io import FileIO
from pathlib import Path

import pytest

from rlm_runtime._trace.format import EVENT, PART, make_record
from rlm_runtime._trace.records import TraceFile
from tests._trace.events import raw_trace

SHORT = make_record(EVENT, b"short")
LONG = make_record(EVENT, b"a" * 60_000)
# Longer than what is read at a time
VALUE = make_record(PART, b"v" * 500_000)
NEWER = [make_record(EVENT, b"b" * 20_000), SHORT, make_record(PART, b"w" * 700_000), SHORT]


class Overtaken(FileIO):
    """A file in which somebody writes between two looks of a reader at it."""

    def __init__(self, path: Path, write: Callable[[], None]) -> None:
        super().__init__(path)
        self.looks = 0
        """How many looks there are until then; 0: it is not to be."""
        self._write = write

    def fileno(self) -> int:
        # Whoever looks at the file asks for this first
        if self.looks == 1:
            self._write()
        self.looks -= 1
        return super().fileno()


@pytest.mark.parametrize("looks", range(1, 9))
@pytest.mark.parametrize(
    ("torn", "zeros"),
    [(SHORT, 0), (SHORT, 50), (LONG, 0), (LONG, 600_000), (VALUE, 0), (VALUE, 50)],
    ids=["short", "short, zeros", "long", "long, zeros", "value", "value, zeros"],
)
@pytest.mark.parametrize("kept", [5, 15, 50_000])
def test_a_torn_end_that_is_cut_and_written_anew_meanwhile_is_no_damage(
    tmp_path: Path, looks: int, torn: bytes, zeros: int, kept: int
) -> None:
    path = raw_trace(tmp_path / "trace", SHORT)
    cut = path.stat().st_size
    with path.open("ab") as ending:
        ending.write(torn[: min(kept, len(torn) - 1)] + bytes(zeros))

    def go_on() -> None:
        os.truncate(path, cut)
        with path.open("ab") as newer:
            newer.write(b"".join(NEWER))

    with Overtaken(path, go_on) as raw:
        file = TraceFile(path, raw)
        _, begins = file.read_header()
        raw.looks = looks
        found = list(file.records(begins))
        if raw.looks > 0:
            go_on()
        found += file.records(found[-1].end)
    places = [begins, *(cut + sum(map(len, NEWER[:n])) for n in range(len(NEWER) + 1))]
    assert [(one.at, one.end) for one in found] == list(zip(places, places[1:], strict=False))
