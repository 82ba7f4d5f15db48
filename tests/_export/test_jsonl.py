"""One event is one line of JSON, whatever is in it."""

from __future__ import annotations

import io
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlm_runtime._errors import TraceError
from rlm_runtime._events import EVENT_TYPES
from rlm_runtime._export.jsonl import write_jsonl
from rlm_runtime._trace.reader import open_trace
from rlm_runtime._trace.writer import open_trace_writer
from tests._cli.events import SMALL_RUN, code, run_started
from tests._export.played import damage, play_all, trace_of

pytestmark = pytest.mark.anyio


def refuse(word: str) -> None:
    raise AssertionError(f"{word} is no JSON")


def lines(path: Path, *, content: bool = False) -> list[dict[str, Any]]:
    out = io.BytesIO()
    with open_trace(path) as trace:
        write_jsonl(trace, out, content=content)
    text = out.getvalue().decode("utf-8")
    assert text.endswith("\n")
    # Not splitlines(), which splits at more than a newline
    return [json.loads(line, parse_constant=refuse) for line in text[:-1].split("\n")]


async def test_every_event_is_one_line_with_all_its_fields(tmp_path: Path) -> None:
    events = (await play_all()).events
    found = lines(trace_of(tmp_path, events))
    assert [EVENT_TYPES[line["kind"]] for line in found] == [type(event) for event in events]
    assert [line["seq"] for line in found] == list(range(len(events)))
    for line, event in zip(found, events, strict=True):
        assert list(line)[:3] == ["kind", "seq", "at"]
        assert line["time"] == event.time
        fields = set(type(event).__dataclass_fields__)
        assert set(line) == fields | {"at"}


def test_times_are_given_in_iso_8601(tmp_path: Path) -> None:
    (line,) = lines(trace_of(tmp_path, [run_started()]))
    assert line["at"] == "2027-01-15T08:00:00+00:00"


@pytest.mark.parametrize("time", [math.nan, math.inf, 1e300, -1e300])
def test_times_that_are_none_are_null(tmp_path: Path, time: float) -> None:
    (line,) = lines(trace_of(tmp_path, [replace(run_started(), time=time, mono=math.nan)]))
    assert line["at"] is None
    assert line["mono"] is None


@pytest.mark.parametrize("text", ["\ud800", "a\udc80b", "\x00\x1b[31m", "\u2028\u2029\x85", "\n"])
def test_any_text_survives(tmp_path: Path, text: str) -> None:
    (line,) = lines(trace_of(tmp_path, [code(0, 0, text)]))
    assert line["code"] == text


async def test_values_are_inlined_on_request(tmp_path: Path) -> None:
    value = {"a": {1}, "nan": math.nan, "raw": b"\x00", (1, 2): "é"}
    async with open_trace_writer(tmp_path, "run") as writer:
        ref = await writer.keep(value)
        writer.write(replace(run_started(), context_ref=ref))
    assert "context_value" not in lines(writer.path)[0]
    (line,) = lines(writer.path, content=True)
    assert line["context_ref"] == ref
    assert line["context_value"] == {"a": [1], "nan": None, "raw": "AA==", "[1, 2]": "é"}
    assert "query_value" not in line


def test_a_value_that_is_missing_is_told_after_all_lines(tmp_path: Path) -> None:
    events = [replace(run_started(), context_ref="0" * 32), *SMALL_RUN[1:]]
    out = io.BytesIO()
    with open_trace(trace_of(tmp_path, events)) as trace, pytest.raises(TraceError, match="0000"):
        write_jsonl(trace, out, content=True)
    assert out.getvalue().count(b"\n") == len(events)


def test_lines_are_written_up_to_the_damage(tmp_path: Path) -> None:
    path = trace_of(tmp_path, [*SMALL_RUN[:4], code(0, 0, "damaged"), *SMALL_RUN[4:]])
    damage(path, b"damaged")
    out = io.BytesIO()
    with open_trace(path) as trace, pytest.raises(TraceError):
        write_jsonl(trace, out)
    assert out.getvalue().count(b"\n") == 4
    assert json.loads(out.getvalue().split(b"\n")[0])["kind"] == "run_started"
