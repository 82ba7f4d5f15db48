"""The command that goes on with a run."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from rlm_runtime._cli.finding import find_trace
from rlm_runtime._cli.going_on import resume_command
from rlm_runtime._types import StopReason
from tests.traces import write_trace


@pytest.mark.parametrize(
    ("stop_reason", "more"),
    [
        (None, ""),
        ("interrupted", ""),
        ("error", ""),
        ("sandbox_error", ""),
        ("max_cost", " --max-cost N"),
        ("max_iterations", " --max-iterations N"),
    ],
)
def test_id_is_enough_in_the_usual_place(
    stop_reason: StopReason | None, more: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RLM_TRACE_DIR", "/t")
    assert resume_command(Path("/t/r1/trace.msgpack"), stop_reason) == f"rlm resume r1{more}"


@pytest.mark.parametrize("stop_reason", ["answered", "no_answer", "repetition"])
def test_what_came_to_its_end_cannot_go_on(stop_reason: StopReason) -> None:
    assert resume_command(Path("/t/r1/trace.msgpack"), stop_reason) is None


def test_command_finds_the_run_in_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RLM_TRACE_DIR", "/t")
    path = write_trace(tmp_path / "odd 'place'", "r1")
    command = resume_command(path, None)
    assert command is not None
    assert find_trace(shlex.split(command)[2], Path("/t")) == path
