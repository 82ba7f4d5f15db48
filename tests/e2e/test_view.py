"""The viewer on a real terminal, which is as before however the viewer ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests._cli.events import SMALL_RUN
from tests.e2e.gates import Gate
from tests.e2e.terminals import on_terminal
from tests.e2e.test_cli import environment
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


@pytest.mark.parametrize("editor", ["/nowhere/editor", "/", "'\x01'"])
def test_an_editor_that_cannot_be_started_leaves_the_viewer(folder: Path, editor: str) -> None:
    with on_terminal(folder, "view", "r1", variables={"EDITOR": editor}) as program:
        program.wait_for("answered")
        program.press("o")
        program.wait_for("Cannot open")
        program.press("q")
        assert program.wait_end() == 0
        assert program.is_as_before(), program.switched_on()


def test_bytes_that_are_no_text_leave_the_viewer(folder: Path) -> None:
    with on_terminal(folder, "view", "r1") as program:
        program.wait_for("answered")
        os.write(program.fd, b"\xff\xc8\xf0\x9f;")
        # Drawn anew: the bytes have been read by themselves by then
        program.resize(110, 45)
        program.wait_row(45)
        program.press("?")
        program.wait_for("Step")
        program.process.send_signal(signal.SIGTERM)
        assert program.wait_end() == 143
        assert program.is_as_before(), program.switched_on()


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
        program.stall("b")
        program.process.send_signal(signal.SIGTERM)
        assert program.process.wait(50) == 143


def test_a_run_that_is_killed_while_followed_is_told_and_the_viewer_stays(
    tmp_path: Path, gate: Gate
) -> None:
    with on_terminal(tmp_path, "view", "--follow") as program:
        program.wait_for("rlm: Waiting for a run to begin in ")
        with subprocess.Popen(
            [sys.executable, "-m", "rlm_runtime", *gate.command, "-q"],
            cwd=tmp_path,
            env=environment(tmp_path),
            stdin=subprocess.DEVNULL,
        ) as process:
            gate.wait_asked()
            program.wait_for("How many?")
            program.press("f")
            process.kill()
        run = next((tmp_path / "traces").iterdir()).name
        program.wait_for(f"its process is gone; rlm resume {run} goes on from here")
        program.press("?")
        program.wait_for("Quit")
        program.press("\x1b")
        resume = ["resume", run, "--base-url", gate.server.base_url, "-q"]
        gate.open()
        done = subprocess.run(
            [sys.executable, "-m", "rlm_runtime", *resume],
            cwd=tmp_path,
            env=environment(tmp_path),
            capture_output=True,
            check=True,
        )
        assert done.stdout == b"forty-two\n"
        program.wait_for("The run ended: answered")
        program.press("q")
        assert program.wait_end() == 0
        assert program.is_as_before(), program.switched_on()


def test_ctrl_c_ends_the_waiting_for_a_run(tmp_path: Path) -> None:
    with on_terminal(tmp_path, "view", "--follow") as program:
        program.wait_for("rlm: Waiting for a run to begin in ")
        program.process.send_signal(signal.SIGINT)
        assert program.wait_end() == 130
        assert program.text.endswith("rlm: Interrupted\r\n")


def test_without_a_terminal_a_run_is_followed_in_lines(tmp_path: Path, gate: Gate) -> None:
    variables = environment(tmp_path)
    command = [sys.executable, "-m", "rlm_runtime", *gate.command, "-q"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=variables, stdout=subprocess.DEVNULL
    ) as process:
        gate.wait_asked()
        view = [sys.executable, "-m", "rlm_runtime", "view", "--follow"]
        with subprocess.Popen(
            view, cwd=tmp_path, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as viewer:
            assert viewer.stderr is not None and viewer.stdout is not None
            lines = iter(viewer.stderr.readline, b"")
            assert any(line.startswith(b"node 0 started at depth 0") for line in lines)
            assert viewer.poll() is None
            gate.open()
            assert process.wait() == 0
            assert viewer.stderr.read() == b"node 0 ended: answered\n"
            assert b" answered: 1 node, 1 call" in viewer.stdout.read()
