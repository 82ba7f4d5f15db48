"""`rlm view --diff`, with a terminal and without."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from click.testing import CliRunner, Result

from benchmarks._synthetic_run import synthetic_events
from rlm_runtime._cli import cli
from rlm_runtime._events import ModelReplied, RunStarted
from rlm_runtime._tui.app import Viewer
from rlm_runtime._tui.source import open_source
from tests._tui.viewing import screen_text
from tests.hostile_text import ALL, OBEYED
from tests.traces import write_trace

EVENTS = tuple(synthetic_events(6))


@pytest.fixture
def trace_dir(tmp_path: Path) -> Path:
    replies = [event for event in EVENTS if isinstance(event, ModelReplied)]
    write_trace(tmp_path, "one1", *EVENTS)
    other = [replace(event, text=ALL) if event is replies[3] else event for event in EVENTS]
    assert isinstance(other[0], RunStarted)
    write_trace(tmp_path, "two2", replace(other[0], run=ALL), *other[1:])
    return tmp_path


def invoke(trace_dir: Path, *args: str) -> Result:
    return CliRunner().invoke(cli, ["view", *args, "--trace-dir", str(trace_dir)])


def test_the_differences_are_printed_where_there_is_no_terminal(trace_dir: Path) -> None:
    result = invoke(trace_dir, "one1", "--diff", "two2")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert [line[:3] for line in lines[:3]] == ["A  ", "B  ", "B−A"]
    assert "  ·  1 of" in lines[2] and "reply" in lines[2]
    (at,) = [n for n, line in enumerate(lines) if line.startswith("≠") and "reply" in line]
    assert lines[at + 2].startswith("    B \\x1b[31mred")
    assert not OBEYED.search(result.stdout.replace("\n", ""))


def test_a_run_and_itself_have_no_difference(trace_dir: Path) -> None:
    result = invoke(trace_dir, "one1", "--diff", "one1", "--plain")
    assert "no difference" in result.stdout
    assert "≠" not in result.stdout


def test_an_unknown_run_or_no_trace_is_exit_10(trace_dir: Path) -> None:
    assert invoke(trace_dir, "one1", "--diff", "nowhere").exit_code == 10
    (trace_dir / "bad").write_bytes(b"no trace")
    assert invoke(trace_dir, "one1", "--diff", str(trace_dir / "bad")).exit_code == 10


@pytest.mark.anyio
async def test_the_viewer_begins_with_the_comparison_that_was_asked_for(trace_dir: Path) -> None:
    async with open_source(trace_dir / "one1" / "trace.msgpack") as source:
        viewer = Viewer(source)
        viewer.other = trace_dir / "two2" / "trace.msgpack"
        async with viewer.run_test(size=(120, 40)) as pilot:
            with anyio.fail_after(20):
                while "B−A" not in screen_text(pilot):
                    await pilot.pause(0.01)
