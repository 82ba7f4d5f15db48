"""Pages of runs, for the tests of what is in them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any  # what JSON holds has no types

from benchmarks._synthetic_run import synthetic_events
from rlm_runtime._events import (
    AnswerGiven,
    Event,
    HistoryTrimmed,
    ModeChosen,
    ReplayDiverged,
    RunForked,
    RunResumed,
    TraceFailed,
    TraceStalled,
    WorstCaseExceeded,
)
from rlm_runtime._export.html import write_html
from rlm_runtime._trace.reader import open_trace
from tests.traces import write_trace

HOSTILE = (
    "</script><script>document.title='taken'</script><!--<script>"
    "<img src=https://taken.example/x onerror=\"document.title='taken'\">"
    "<iframe src=https://taken.example/y></iframe>&lt;b&gt;]]>\x1b[31m\x00\x07\x9b\u202e\u2066\u200b"
    "\ud800\udc00 \udfff \u2028\u2029\ufeff\uffff \U000e0041 '\"`${document.title='taken'}"
)
"""What would be markup, code, an escape sequence or half a letter, if anybody let it."""


def page_of(folder: Path, *events: Event) -> bytes:
    """Write a trace, and give the page of it."""
    return page_of_trace(write_trace(folder, "r1", *events))


def page_of_trace(path: Path) -> bytes:
    """Give the page of a trace."""
    out = io.BytesIO()
    with open_trace(path) as trace:
        write_html(trace, out)
    return out.getvalue()


def embedded(page: bytes) -> bytes:
    """Give the data in a page as it stands there."""
    _, _, after = page.partition(b'<script id="data" type="application/json">')
    return after.partition(b"</script>")[0]


def data_of(page: bytes) -> Any:
    """Give the data in a page."""
    return json.loads(embedded(page))


def hostile_events(nodes: int = 3) -> Iterator[Event]:
    """Give a run that has hostile text wherever there is any."""
    mono, limits = 100.0, dict[str, int | float | None]()
    rare: list[Event] = [
        ModeChosen(mode="rlm", reason=""),
        TraceStalled(error=""),
        TraceFailed(error=""),
        RunResumed(version="", model="", sub_model="", limits=limits, spent_seconds=99.0),
        RunForked(run="", parent="", node=0, iteration=1, say="-"),
        HistoryTrimmed(node=0, iteration=1, messages=1, characters=1, exceeded=True),
        WorstCaseExceeded(node=0, call=0, model="", allowed_tokens=1, tokens=2, cost=None),
        AnswerGiven(node=0, iteration=1, answer="", rejected=""),
        ReplayDiverged(node=1, iteration=1, block=0, reason=""),
    ]
    for event in synthetic_events(nodes):
        yield _made_hostile(event)
    for event in rare:
        yield _made_hostile(replace(event, mono=mono))


def _made_hostile(event: Event) -> Event:
    changed: dict[str, Any] = {}
    for field in fields(event):
        value = getattr(event, field.name)
        if field.name == "kind":
            continue
        if isinstance(value, str) and not field.name.endswith("_ref"):
            changed[field.name] = HOSTILE
        elif field.name == "messages" and isinstance(value, tuple):
            changed[field.name] = ({"role": HOSTILE, "content": HOSTILE}, *value)
        elif field.name == "limits":
            changed[field.name] = {HOSTILE: 1, "max_cost": float("nan")}
        elif field.name in ("pending", "variables"):
            changed[field.name] = (HOSTILE,)
        elif field.name in ("error", "rejected"):
            changed[field.name] = HOSTILE
    return replace(event, **changed)
