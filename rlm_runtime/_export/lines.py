"""One JSON value a line, in UTF-8, whatever is in it."""

from __future__ import annotations

import json
from itertools import islice
from typing import BinaryIO

from rlm_runtime._plain import to_plain

_PIECES_PER_CHUNK = 10_000


def write_line(out: BinaryIO, value: object) -> None:
    """Write a value as one line of JSON; what JSON has no form for is written as the plain form."""
    plain, _ = to_plain(value)
    pieces = json.JSONEncoder(ensure_ascii=False, allow_nan=False).iterencode(plain)
    while chunk := "".join(islice(pieces, _PIECES_PER_CHUNK)):
        # What UTF-8 cannot hold, a lone surrogate, comes out as JSON's own escape of it
        out.write(chunk.encode("utf-8", "backslashreplace"))
    out.write(b"\n")
