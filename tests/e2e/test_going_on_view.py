"""`--view` of runs that go on: killed, interrupted, forked or answered before."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import anyio
import pytest

from rlm_runtime import RLM
from rlm_runtime._modes import Mode
from rlm_runtime._trace.places import list_runs
from rlm_runtime.testing import ScriptedLLM
from tests._engine.fakes import repl
from tests.e2e.gates import Gate, open_gate
from tests.e2e.terminals import SEQUENCE, TerminalProgram, on_terminal
from tests.e2e.test_run_view import after_viewer, viewed

CLEARED = b"\r\x1b[2K"
CLOCK = "import time\nprint(time.time_ns())"


def only_run(folder: Path) -> str:
    """Name the run, as a user would."""
    (path,) = list_runs(folder / "traces")
    return path.parent.name


@contextmanager
def resumed(gate: Gate, folder: Path, *, asked: int) -> Iterator[TerminalProgram]:
    """Go on with the only run, in the viewer, until its call has been asked again."""
    args = ("resume", only_run(folder), "--base-url", gate.server.base_url, "--view")
    with on_terminal(folder, *args) as program:
        gate.wait_asked(asked)
        program.wait_for("1 node, 1 running")
        yield program


def leave(program: TerminalProgram, *, status: int = 0) -> str:
    """Leave the viewer of a run that is over; give what is told then."""
    program.press("q")
    assert program.wait_end() == status
    assert program.is_as_before(), program.switched_on()
    return after_viewer(program)


def interrupt(program: TerminalProgram) -> str:
    """Stop a run as its user does in the viewer; give what is told then."""
    program.press("\x03")
    program.wait_for("ctrl+c once more stops the run")
    program.press("\x03")
    assert program.wait_end() == 130
    assert program.is_as_before(), program.switched_on()
    return after_viewer(program)


def test_a_killed_run_goes_on_in_the_viewer(tmp_path: Path, gate: Gate) -> None:
    with viewed(gate, tmp_path) as program:
        program.process.send_signal(signal.SIGKILL)
        assert program.wait_end() == -signal.SIGKILL
    with resumed(gate, tmp_path, asked=2) as program:
        gate.open()
        program.wait_for("answered")
        said = leave(program)
    assert "forty-two" in said
    # Nobody knows what became of the call that the kill cut short: it counts
    assert "2 calls" in said


def test_a_run_is_interrupted_in_the_viewer_again_and_again(tmp_path: Path, gate: Gate) -> None:
    with viewed(gate, tmp_path) as program:
        said = interrupt(program)
    assert f"rlm: hint: rlm resume {only_run(tmp_path)} goes on from here" in said
    with resumed(gate, tmp_path, asked=2) as program:
        assert "rlm: Interrupted" in interrupt(program)
    with resumed(gate, tmp_path, asked=3) as program:
        program.press("q")
        # The live line, which counts what was done before
        program.wait_for("1 node running, 0 done")
        gate.open()
        assert program.wait_end() == 0
    assert "forty-two" in after_viewer(program)


def test_what_is_told_behind_the_viewer_begins_a_line(tmp_path: Path, gate: Gate) -> None:
    with viewed(gate, tmp_path) as program:
        gate.open()
        program.wait_for("answered")
        leave(program)
    before, _, _ = program.said.partition(b"\x1b[?1049h")
    assert b"running, 0 done" in before
    assert before.rstrip().endswith(CLEARED.rstrip())


@pytest.mark.deno
@pytest.mark.usefixtures("assets")
def test_a_fork_that_differs_is_told_in_the_viewer_and_after_it(tmp_path: Path) -> None:
    anyio.run(partial(_record, tmp_path / "traces", [repl(CLOCK), repl("FINAL(1)")]))
    run = only_run(tmp_path)
    with open_gate(repl("FINAL('forty-two')")) as gate:
        args = ("fork", run, "--at", "0:2", "-m", "m", "--base-url", gate.server.base_url)
        with on_terminal(tmp_path, *args, "--json", "--view") as program:
            program.wait_for("differs at iteration 1")
            gate.wait_asked()
            gate.open()
            program.wait_for("answered")
            said = leave(program)
    lines = [SEQUENCE.sub("", line).strip() for line in said.splitlines()]
    assert f"forked from {run} at node 0, iteration 2" in program.text
    assert any(line.startswith("node 0 differs at iteration 1: ") for line in lines)
    told = json.loads(next(line for line in lines if line.startswith("{")))
    assert told["answer"] == "forty-two" and told["run"] != run
    assert len(list_runs(tmp_path / "traces")) == 2


@pytest.mark.parametrize("by", ["q", "\x03", signal.SIGTERM])
def test_an_answered_run_is_shown_before_its_answer(
    tmp_path: Path, by: str | signal.Signals
) -> None:
    anyio.run(partial(_record, tmp_path / "traces", ["forty-two"], "direct"))
    args = ("resume", only_run(tmp_path), "-m", "m", "--view")
    with (tmp_path / "answer").open("w+b") as file:
        with on_terminal(tmp_path, *args, stdout=file.fileno()) as program:
            program.wait_for("✓ answered")
            assert program.switched_on()
            if isinstance(by, str):
                program.press(by)
            else:
                program.process.send_signal(by)
            assert program.wait_end() == 0
            assert program.is_as_before(), program.switched_on()
        file.seek(0)
        assert file.read() == b"forty-two\n"


async def _record(folder: Path, replies: list[str], mode: Mode = "rlm") -> None:
    with anyio.fail_after(30):
        async with RLM(ScriptedLLM(replies), trace_dir=folder, mode=mode) as rlm:
            await rlm.run("root", context="")
