"""`rlm run --view` on a real terminal: the viewer beside a run that goes on whatever it does."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rlm_runtime._events import RunEnded
from rlm_runtime._trace.reader import read_trace
from tests.e2e.gates import Gate
from tests.e2e.terminals import TerminalProgram, on_terminal
from tests.e2e.test_view import MAIN

CRASHING = f"""
from rlm_runtime._tui.node_tree import NodeTree

def show(self, view):
    if view.record.events:
        raise KeyError("in the tree\\x1b]0;pwned\\x07")

NodeTree.show = show
{MAIN}"""


@contextmanager
def viewed(gate: Gate, folder: Path, *args: str, **more: object) -> Iterator[TerminalProgram]:
    """Start a run with the viewer; its only call waits."""
    with on_terminal(folder, *gate.command, "--view", *args, **more) as program:  # type: ignore[arg-type]  # as it takes them
        program.wait_for("running")
        gate.wait_asked()
        yield program


def after_viewer(program: TerminalProgram) -> str:
    """Give what was written after the viewer had left the screen."""
    return program.said.rpartition(b"\x1b[?1049l")[2].decode()


def test_the_viewer_stays_until_the_user_leaves_it(tmp_path: Path, gate: Gate) -> None:
    with viewed(gate, tmp_path) as program:
        gate.open()
        program.wait_for("answered")
        assert program.process.poll() is None
        program.press("q")
        assert program.wait_end() == 0
        assert program.is_as_before()
    assert "forty-two" in after_viewer(program)
    assert "1 call" in after_viewer(program)


def test_the_run_goes_on_when_the_viewer_is_left(tmp_path: Path, gate: Gate) -> None:
    with viewed(gate, tmp_path) as program:
        program.press("q")
        # The live line
        program.wait_for("1 node running, 0 done")
        assert program.is_as_before()
        gate.open()
        assert program.wait_end() == 0
    assert "forty-two" in after_viewer(program)


def test_the_answer_goes_where_stdout_goes(tmp_path: Path, gate: Gate) -> None:
    with (tmp_path / "answer").open("w+b") as file:
        with viewed(gate, tmp_path, size=(97, 31), stdout=file.fileno()) as program:
            # It is as large as the terminal, which stdout is not
            program.resize(110, 45)
            program.wait_row(45)
            gate.open()
            program.wait_for("answered")
            program.press("q")
            assert program.wait_end() == 0
        file.seek(0)
        assert file.read() == b"forty-two\n"
    assert "forty-two" not in after_viewer(program)


def test_ctrl_c_stops_the_run_when_pressed_twice(tmp_path: Path, gate: Gate) -> None:
    with viewed(gate, tmp_path, "--json") as program:
        program.press("\x03")
        program.wait_for("ctrl+c once more stops the run")
        assert program.process.poll() is None
        program.press("\x03")
        assert program.wait_end() == 130
        assert program.is_as_before(), program.switched_on()
    said = after_viewer(program)
    assert "rlm: Stopping; once more to stop at once" in said
    assert "rlm: Interrupted" in said
    told = json.loads(next(line for line in said.splitlines() if line.startswith("{")))
    assert told["stop_reason"] == "interrupted"
    assert Path(told["trace"]).is_file()


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_run_and_viewer(
    tmp_path: Path, gate: Gate, signum: signal.Signals, status: int
) -> None:
    with viewed(gate, tmp_path) as program:
        program.process.send_signal(signum)
        assert program.wait_end() == status
        assert program.is_as_before(), program.switched_on()
    assert "rlm: Interrupted" in after_viewer(program)


def test_a_signal_after_the_end_closes_the_viewer_only(tmp_path: Path, gate: Gate) -> None:
    with viewed(gate, tmp_path) as program:
        gate.open()
        program.wait_for("answered")
        program.process.send_signal(signal.SIGTERM)
        assert program.wait_end() == 0
        assert program.is_as_before(), program.switched_on()
    assert "forty-two" in after_viewer(program)


def test_a_viewer_that_fails_does_not_end_the_run(tmp_path: Path, gate: Gate) -> None:
    with on_terminal(tmp_path, *gate.command, "--view", start=("-c", CRASHING)) as program:
        program.wait_for("the run goes on without it")
        assert program.is_as_before(), program.switched_on()
        gate.open()
        assert program.wait_end() == 0
    said = after_viewer(program)
    told = "The viewer failed (KeyError: 'in the tree\\x1b]0;pwned\\x07')"
    assert f"rlm: warning: {told}; the run goes on without it" in said
    assert "Traceback" not in said
    assert "forty-two" in said


def test_the_viewer_leaves_no_handler_of_signals_behind(tmp_path: Path, gate: Gate) -> None:
    with viewed(gate, tmp_path) as program:
        program.press("q")
        program.wait_for("1 node running, 0 done")
        # What Textual's own would take the terminal again with
        program.process.send_signal(signal.SIGCONT)
        program.wait_for("1 node running, 0 done")
        gate.open()
        assert program.wait_end() == 0
        assert program.is_as_before(), program.switched_on()
    assert "forty-two" in after_viewer(program)


def test_a_terminal_that_takes_nothing_holds_up_no_run(tmp_path: Path, gate: Gate) -> None:
    with (tmp_path / "answer").open("w+b") as file:
        with viewed(gate, tmp_path, stdout=file.fileno()) as program:
            program.stall("b")
            gate.open()
            trace = next((tmp_path / "traces").iterdir()) / "trace.msgpack"
            until = time.monotonic() + 50
            while not any(isinstance(event, RunEnded) for event in read_trace(trace)):
                assert time.monotonic() < until
