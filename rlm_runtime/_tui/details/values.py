"""Writing out a value of the trace, so that it can be read."""

from __future__ import annotations

import json

from rlm_runtime._plain import to_plain
from rlm_runtime._tui.details.moment import Value

_MOST = 32 * 2**20


def write_value(value: object, *, most: int = _MOST) -> Value:
    """Write out a value: a text as it is, all else as JSON; for a thread, as it may be large.

    Args:
        value: Any value that the codec knows.
        most: So many characters are written at most.
    """
    if isinstance(value, str):
        return Value(value, is_json=False)
    plain, _ = to_plain(value)
    written, size = list[str](), 0
    for piece in json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(plain):
        written.append(piece)
        size += len(piece)
        if size > most:
            written.append(f"\n… more than {most:,} characters")
            break
    return Value("".join(written), is_json=True)
