"""What keeps a run from going on is told, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rlm_runtime._cli import cli
from tests._cli.events import SMALL_RUN, run_ended
from tests.traces import growing_trace, write_trace

COMMANDS = (["resume", "r1"], ["fork", "r1", "--at", "0:0"])
INTERRUPTED = (*SMALL_RUN[:-1], run_ended("interrupted"))


@pytest.fixture
def trace_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RLM_TRACE_DIR", str(tmp_path))
    return tmp_path


def invoke(*args: str) -> Result:
    return CliRunner().invoke(cli, args)


def test_a_run_that_is_running_is_not_resumed(trace_dir: Path) -> None:
    with growing_trace(trace_dir, "r1", *SMALL_RUN[:4]):
        result = invoke("resume", "r1", "-m", "scripted/letter_counts")
    assert (result.exit_code, result.stdout) == (10, "")
    assert result.stderr == "rlm: Cannot resume run 'r1': it is running\n"


@pytest.mark.parametrize("args", COMMANDS)
def test_a_run_that_cannot_go_on_has_no_summary(trace_dir: Path, args: list[str]) -> None:
    write_trace(trace_dir, "r1", *INTERRUPTED)
    result = invoke(*args, "-m", "scripted/none")
    assert result.exit_code == 11
    assert result.stderr.startswith("rlm: ")
    assert "goes on from here" not in result.stderr and "nodes, " not in result.stderr


@pytest.mark.parametrize("args", COMMANDS)
def test_a_damaged_trace_is_input_that_cannot_be_read(trace_dir: Path, args: list[str]) -> None:
    path = write_trace(trace_dir, "r1", *INTERRUPTED)
    content = path.read_bytes()
    path.write_bytes(content[:60] + b"\xff" * 8 + content[68:])
    result = invoke(*args, "-m", "scripted/letter_counts")
    assert result.exit_code == 10
    assert "damaged" in result.stderr
