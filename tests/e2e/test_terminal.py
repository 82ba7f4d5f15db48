"""A real terminal never gets what a model, an endpoint or a file wrote for it to obey."""

from __future__ import annotations

import errno
import os
import pty
import subprocess
import sys
from pathlib import Path

import anyio.to_thread
import pytest

from rlm_runtime._events import NodeStarted, RunStarted, SandboxLost
from rlm_runtime.testing import Fault, LoopbackServer, open_loopback_server
from tests._cli.events import node_ended, run_ended
from tests.e2e.test_cli import environment
from tests.hostile_text import ALL, OBEYED
from tests.traces import write_trace

pytestmark = pytest.mark.anyio

OURS = "\r\x1b[2K"
"""What the live line draws itself with."""


def on_terminal(tmp_path: Path, *args: str, reply: str = "") -> tuple[int, str]:
    """Run a command with all its streams on a terminal; give its status and what came there."""
    ours, theirs = pty.openpty()
    variables = {**environment(tmp_path), "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen(
        [sys.executable, "-m", "rlm_runtime", *args],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=tmp_path,
        env=variables,
    ) as process:
        os.close(theirs)
        os.write(ours, reply.encode())
        said = _read_all(ours)
    os.close(ours)
    # The terminal itself writes CR LF for LF
    return process.returncode, said.decode().replace("\r\n", "\n").replace(OURS, "")


def _read_all(fd: int) -> bytes:
    said = b""
    while True:
        try:
            data = os.read(fd, 65_536)
        except OSError as exc:  # how Linux says that nobody has the other end
            assert exc.errno == errno.EIO
            return said
        if not data:
            return said
        said += data


async def ask(tmp_path: Path, server: LoopbackServer, *args: str) -> tuple[int, str]:
    command = ["run", "-p", ALL.replace("\0", ""), "-m", "m", "--mode", "direct"]
    url = ["--base-url", server.base_url]
    return await anyio.to_thread.run_sync(lambda: on_terminal(tmp_path, *command, *url, *args))


@pytest.mark.parametrize("args", [(), ("--json",), ("-o", "/dev/fd/2"), ("-q",)])
async def test_an_answer_is_shown_and_not_obeyed(tmp_path: Path, args: tuple[str, ...]) -> None:
    async with open_loopback_server(lambda messages: f"the answer {ALL}") as server:
        status, said = await ask(tmp_path, server, *args)
    assert status == 0
    assert "the answer " in said
    assert "pwned" in said
    assert not OBEYED.search(said)


async def test_what_an_endpoint_says_is_shown_and_not_obeyed(tmp_path: Path) -> None:
    fault = Fault(status=400, message=f"the error {ALL}")
    async with open_loopback_server(lambda messages: "", faults=[fault]) as server:
        status, said = await ask(tmp_path, server, "--debug")
    assert status == 20
    assert "the error " in said
    assert "Traceback" in said
    assert not OBEYED.search(said)


@pytest.mark.parametrize(
    "args",
    [
        (ALL.replace("\0", ""),),
        ("run", ALL.replace("\0", ""), "-m", "m"),
        ("run", "-p", "q", "-m", "m", "-c", "\x1b]0;pwned\x07"),
        ("run", "-p", "q", "-m", "scripted/\x1b]0;pwned\x07"),
        ("run", "-p", "q", "--max-calls", "\x1b]0;pwned\x07"),
        ("run", "-p", "q", "--\x1b]0;pwned\x07"),
        ("run", "-p", "q", "-m", "m", "--tools", "\x1b]0;pwned\x07:x"),
        ("view", "\x1b]0;pwned\x07"),
        ("runs", "--trace-dir", "\x1b]0;pwned\x07"),
    ],
)
def test_arguments_in_errors_are_not_obeyed(tmp_path: Path, args: tuple[str, ...]) -> None:
    _, said = on_terminal(tmp_path, *args)
    assert said
    assert not OBEYED.search(said)


@pytest.mark.parametrize("args", [("view", "--plain"), ("runs",), ("runs", "--json")])
def test_a_trace_is_shown_and_not_obeyed(tmp_path: Path, args: tuple[str, ...]) -> None:
    text = ALL.encode("utf-8", "surrogatepass").decode()
    write_trace(
        tmp_path / "traces",
        "r\x1b]0;pwned\x07",
        RunStarted(
            run=text, version=text, query=text, model=text, sub_model=text, limits={"max_cost": 1}
        ),
        NodeStarted(node=0, parent=None, depth=0, model=text, query=text, context=text),
        SandboxLost(node=0, reason=text),
        node_ended(0, error=text),
        run_ended(),
    )
    status, said = on_terminal(tmp_path, *args)
    assert status == 0
    assert "pwned" in said
    assert not OBEYED.search(said)


def test_what_others_write_to_stderr_is_not_obeyed(tmp_path: Path) -> None:
    (tmp_path / "noisy.py").write_text(
        "import logging, sys, threading, warnings\n"
        f"TEXT = {ALL!r}\n"
        "def fail(): raise ValueError(TEXT)\n"
        "warnings.warn(TEXT)\n"
        "logging.getLogger('x').error(TEXT)\n"
        "thread = threading.Thread(target=fail)\n"
        "thread.start()\n"
        "thread.join()\n"
        "print(TEXT, file=sys.stderr)\n"
        "def tool() -> str:\n"
        "    'A tool.'\n"
        "    return ''\n"
    )
    _, said = on_terminal(tmp_path, "run", "-p", "q", "-m", "scripted/no", "--tools", "noisy:tool")
    assert said.count("pwned") >= 4
    assert not OBEYED.search(said)


@pytest.mark.parametrize(("reply", "is_gone"), [("y\n", True), ("\n", False), ("\x04", False)])
def test_a_terminal_is_asked_before_runs_are_deleted(
    tmp_path: Path, reply: str, is_gone: bool
) -> None:
    path = write_trace(tmp_path / "traces", "r1", run_ended())
    status, said = on_terminal(tmp_path, "runs", "delete", "r1", "--debug", reply=reply)
    assert "Delete 1 run, " in said
    assert (status == 0, path.exists()) == (is_gone, not is_gone)
