"""Messages reach stderr, or nothing happens."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rlm_runtime._cli.stderr import tell

TELL_TWICE = "from rlm_runtime._cli.stderr import tell\ntell('a')\ntell('b')\n"


def test_message_is_written_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    tell("one")
    tell("two", end="")
    assert capsys.readouterr() == ("", "one\ntwo")


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
def test_stderr_that_takes_nothing_is_no_error(redirection: str) -> None:
    command = ["/bin/sh", "-c", f'exec "$0" "$@" {redirection}', sys.executable, "-c", TELL_TWICE]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    assert (done.returncode, done.stdout) == (0, b"")
