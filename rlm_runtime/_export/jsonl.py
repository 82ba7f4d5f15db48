"""A trace as JSON, one event a line."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import BinaryIO

from rlm_runtime._errors import TraceError
from rlm_runtime._export.lines import write_line
from rlm_runtime._trace.reader import Trace


def write_jsonl(trace: Trace, out: BinaryIO, *, content: bool = False) -> None:
    """Write each event as one line: `kind` first, `at` its time in ISO 8601, then its fields.

    Args:
        trace: What is written.
        out: Where to.
        content: Whether each value that an event names by `…_ref` is added as `…_value`.

    Raises:
        TraceError: The trace is damaged, or misses a value; what could be read was written.
    """
    damage: TraceError | None = None
    for event in trace.events():
        record = {one.name: getattr(event, one.name) for one in fields(event)}
        line = {
            "kind": record.pop("kind"),
            "seq": record.pop("seq"),
            "at": _iso(event.time),
            **record,
        }
        for name, ref in record.items() if content else ():
            if not name.endswith("_ref") or not isinstance(ref, str) or not ref:
                continue
            try:
                line[f"{name.removesuffix('_ref')}_value"] = trace.value(ref)
            except TraceError as exc:
                damage = damage or exc
        write_line(out, line)
    if damage is not None:
        raise damage


def _iso(seconds: float) -> str | None:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return None
