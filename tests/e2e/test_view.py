"""The viewer on a real terminal, which is as before however the viewer ends."""

from __future__ import annotations

import os
import re
import signal
import termios
from pathlib import Path

import pytest

from tests._cli.events import SMALL_RUN
from tests.e2e.terminals import on_terminal
from tests.traces import write_trace

MAIN = """
import sys
from rlm_runtime._cli import main
sys.argv[0] = "rlm"
main()
"""
CRASHING = f"""
from rlm_runtime._tui.node_tree import NodeTree

def show(self, view):
    if view.record.events:
        raise KeyError("in the tree\\x1b]0;pwned\\x07")

NodeTree.show = show
{MAIN}"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_trace(tmp_path / "traces", "r1", *SMALL_RUN)
    return tmp_path


@pytest.mark.parametrize(
    ("by", "status"),
    [
        ("q", 0),
        ("\x03", 130),
        (signal.SIGINT, 130),
        (signal.SIGTERM, 143),
        (signal.SIGHUP, 129),
    ],
)
def test_the_terminal_is_as_before(folder: Path, by: str | signal.Signals, status: int) -> None:
    with on_terminal(folder, "view", "r1") as program:
        program.wait_for("answered")
        assert program.switched_on()
        assert not program.is_as_before()
        if isinstance(by, str):
            program.press(by)
        else:
            program.process.send_signal(by)
        assert program.wait_end() == status
        assert program.is_as_before(), program.switched_on()


@pytest.mark.parametrize("debug", [False, True])
def test_a_crash_is_one_line_and_the_terminal_as_before(folder: Path, debug: bool) -> None:
    args = ("--debug",) if debug else ()
    with on_terminal(folder, "view", "r1", *args, start=("-c", CRASHING)) as program:
        assert program.wait_end() == 1
        assert program.is_as_before(), program.switched_on()
        after = program.said.rpartition(b"\x1b[?1004l")[2].decode()
    assert "rlm: Unexpected KeyError: 'in the tree\\x1b]0;pwned\\x07'" in after
    assert ("Traceback" in after) == debug


def test_nohup_keeps_the_viewer(folder: Path) -> None:
    ignoring = f"import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n{MAIN}"
    with on_terminal(folder, "view", "r1", start=("-c", ignoring)) as program:
        program.wait_for("answered")
        program.process.send_signal(signal.SIGHUP)
        program.press("q")
        assert program.wait_end() == 0


@pytest.mark.parametrize("variables", [{"TERM": "dumb"}, {"TERM": ""}])
def test_a_terminal_that_cannot_draw_gets_the_plain_tree(
    folder: Path, variables: dict[str, str]
) -> None:
    with on_terminal(folder, "view", "r1", variables=variables) as program:
        assert program.wait_end() == 0
        assert program.text.startswith("r1 answered: 2 nodes, ")
        assert b"\x1b" not in program.said


def test_no_color_draws_without(folder: Path) -> None:
    with on_terminal(folder, "view", "r1", variables={"NO_COLOR": "1"}) as program:
        program.wait_for("answered")
        program.press("q")
        assert program.wait_end() == 0
        colours = re.findall(rb"[34]8;2;(\d+);(\d+);(\d+)", program.said)
    assert all(max(map(int, one)) - min(map(int, one)) <= 1 for one in colours)


def test_a_terminal_that_takes_nothing_holds_up_nobody(folder: Path) -> None:
    with on_terminal(folder, "view", "r1") as program:
        program.wait_for("answered")
        # From here on nobody reads what is drawn
        termios.tcflow(program.other, termios.TCOOFF)
        for _ in range(300):
            os.write(program.fd, b"\x1b[H\x1b[F")
        program.process.send_signal(signal.SIGTERM)
        assert program.process.wait(10) == 143
