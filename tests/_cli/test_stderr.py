"""Messages reach stderr, or nothing happens."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rlm_runtime._cli.stderr import held_back, protect_stderr, redraw, tell
from tests.hostile_text import ALL, OBEYED

TELL_TWICE = "from rlm_runtime._cli.stderr import tell\ntell('a')\ntell('b')\n"


def test_message_is_written_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    tell("one")
    tell("two", end="")
    assert capsys.readouterr() == ("", "one\ntwo")


def test_message_cannot_steer_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    tell(f"a\n\t{ALL}\ud800")
    redraw("\x1b[31mred")
    told = capsys.readouterr().err
    assert told.startswith("a\n\t\\x1b[31mred\\x1b[0m")
    assert told.endswith("\r\x1b[2K\\x1b[31mred")
    assert not OBEYED.search(told.replace("\r\x1b[2K", ""))


def test_what_others_write_cannot_either(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    protect_stderr()
    sys.stderr.write(ALL)
    sys.stderr.writelines(["\x1bc", "\x07"])
    redraw("one line")
    told = capsys.readouterr().err
    assert told.endswith("\\x1bc\\x07\r\x1b[2Kone line")
    assert not OBEYED.search(told.replace("\r\x1b[2K", ""))


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
def test_stderr_that_takes_nothing_is_no_error(redirection: str) -> None:
    command = ["/bin/sh", "-c", f'exec "$0" "$@" {redirection}', sys.executable, "-c", TELL_TWICE]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    assert (done.returncode, done.stdout) == (0, b"")


def test_what_is_told_while_the_screen_is_taken_comes_afterwards(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    protect_stderr()
    heard: list[str] = []
    with held_back(heard.append):
        tell("one\x07")
        redraw("a line")
        print("two\x1b[2J", file=sys.stderr, end="\n")  # noqa: T201
        assert capsys.readouterr().err == ""
    assert capsys.readouterr().err == "one\\x07\ntwo\\x1b[2J\n"
    assert "".join(heard) == "one\\x07\ntwo\\x1b[2J\n"
    redraw("again")
    assert capsys.readouterr().err.endswith("again")
