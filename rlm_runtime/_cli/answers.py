"""Answers as bytes to deliver: a str as it is, any other value as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from rlm_runtime._plain import Json, to_plain

_PIECES_PER_CHUNK = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """An answer in the form to deliver."""

    chunks: Iterable[bytes]
    warnings: tuple[str, ...] = ()
    """What the form could not keep."""


def render(answer: object) -> Rendered:
    """Render a str as it is, any other value as JSON."""
    if isinstance(answer, str):
        return Rendered(chunks=[answer.encode("utf-8", "surrogatepass")])
    return render_json(answer)


def render_json(value: object) -> Rendered:
    """Render a value as one line of JSON."""
    plain, warnings = to_plain(value)
    return Rendered(chunks=_encode(plain), warnings=warnings)


def _encode(plain: Json) -> Iterator[bytes]:
    pieces = json.JSONEncoder(ensure_ascii=False, allow_nan=False).iterencode(plain)
    while chunk := "".join(islice(pieces, _PIECES_PER_CHUNK)):
        # What UTF-8 cannot hold, a lone surrogate, comes out as JSON's own escape of it
        yield chunk.encode("utf-8", "backslashreplace")
    yield b"\n"
