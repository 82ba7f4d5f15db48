"""The viewer on a terminal that is taken from it, given back, or gone."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from tests._cli.events import SMALL_RUN
from tests.e2e.gates import Gate
from tests.e2e.terminals import TerminalProgram, on_terminal
from tests.e2e.test_run_view import viewed
from tests.e2e.test_view import MAIN
from tests.traces import write_trace

IGNORING = f"import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n{MAIN}"
TOLD_LATE = f"""
import os, signal
from rlm_runtime._tui.terminal import Terminal

put_right = Terminal.stop_application_mode

def stop_application_mode(self):
    put_right(self)
    os.kill(os.getpid(), signal.SIGCONT)

Terminal.stop_application_mode = stop_application_mode
{MAIN}"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_trace(tmp_path / "traces", "r1", *SMALL_RUN)
    return tmp_path


def hang_up(program: TerminalProgram) -> None:
    """Close the terminal, as where a connection is lost."""
    with open(os.devnull, "r+b") as nothing:
        os.dup2(nothing.fileno(), program.fd)


def tell(program: TerminalProgram, *signals: signal.Signals) -> None:
    for signum in signals:
        program.process.send_signal(signum)


@pytest.mark.parametrize("stops", [True, False])
def test_a_viewer_that_was_stopped_from_elsewhere_goes_on(folder: Path, stops: bool) -> None:
    with on_terminal(folder, "view", "r1") as program:
        program.wait_for("answered")
        threads = psutil.Process(program.process.pid).num_threads()
        for _ in range(3):
            if stops:
                tell(program, signal.SIGSTOP)
                os.waitpid(program.process.pid, os.WUNTRACED)
            program.press("")
            tell(program, signal.SIGCONT)
            # Drawn anew: who had the terminal meanwhile may have written on it
            program.wait_for("answered")
        assert psutil.Process(program.process.pid).num_threads() <= threads
        program.press("?")
        program.wait_for("Step")
        program.press("\x03")
        assert program.wait_end() == 130
        assert program.is_as_before(), program.switched_on()


def test_a_viewer_that_is_told_to_go_on_as_it_ends_ends(folder: Path) -> None:
    with on_terminal(folder, "view", "r1", start=("-c", TOLD_LATE)) as program:
        program.wait_for("answered")
        program.press("q")
        assert program.wait_end() == 0
        assert program.is_as_before(), program.switched_on()


@pytest.mark.parametrize("number", range(4))
def test_a_viewer_ends_with_its_terminal(folder: Path, number: int) -> None:
    with on_terminal(folder, "view", "r1") as program:
        program.wait_for("answered")
        hang_up(program)
        # What the kernel says then, in any order
        both = (signal.SIGHUP, signal.SIGCONT)
        tell(program, *(both if number % 2 else reversed(both)))
        assert program.process.wait(50) == 129


def test_a_viewer_that_ignores_the_end_of_its_terminal_ends_without_it(folder: Path) -> None:
    with on_terminal(folder, "view", "r1", start=("-c", IGNORING)) as program:
        program.wait_for("answered")
        hang_up(program)
        tell(program, signal.SIGHUP, signal.SIGCONT)
        assert program.process.wait(50) == 0


def test_a_run_that_ignores_the_end_of_its_terminal_goes_on(tmp_path: Path, gate: Gate) -> None:
    with (tmp_path / "answer").open("w+b") as file:
        start = ("-c", IGNORING)
        with viewed(gate, tmp_path, stdout=file.fileno(), start=start) as program:
            hang_up(program)
            tell(program, signal.SIGHUP, signal.SIGCONT)
            gate.open()
            assert program.process.wait(50) == 0
        file.seek(0)
        assert file.read() == b"forty-two\n"
