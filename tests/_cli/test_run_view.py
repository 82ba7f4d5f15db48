"""`--view` needs a terminal, and says so before anything is paid for."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import anyio
import pytest
from click.testing import CliRunner

from rlm_runtime._cli import cli
from rlm_runtime._cli.progress import NoProgress
from rlm_runtime._cli.run_view import ViewProgress, lacks_for_viewer
from tests._cli.events import run_started

pytestmark = pytest.mark.anyio


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    "args",
    [
        ["run", "-p", "x", "-m", "m", "--view"],
        ["resume", "r1", "--view"],
        ["fork", "r1", "--at", "0:1", "--view"],
    ],
)
def test_without_a_terminal_it_is_refused_at_once(args: list[str]) -> None:
    result = CliRunner().invoke(cli, args)
    assert result.exit_code == 2
    assert "Cannot show the run with --view: stdin is no terminal" in result.stderr


@pytest.mark.parametrize(
    ("lacking", "term", "said"),
    [
        ("stdin", "xterm", "stdin is no terminal"),
        ("__stderr__", "xterm", "stderr is no terminal"),
        ("stdout", "xterm", "stdout is no terminal"),
        ("", "dumb", "TERM is 'dumb'"),
        ("", "", "TERM is ''"),
        ("", "xterm", ""),
    ],
)
def test_what_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, lacking: str, term: str, said: str
) -> None:
    for name in ("stdin", "stdout", "__stderr__"):
        monkeypatch.setattr(sys, name, None if name == lacking else Terminal())
    monkeypatch.setenv("TERM", term)
    assert lacks_for_viewer() == said
    # The answer may go to a file
    assert lacks_for_viewer(stdout=False) == ("" if lacking == "stdout" else said)


async def test_a_run_that_never_began_keeps_nobody_waiting(tmp_path: Path) -> None:
    progress = ViewProgress(NoProgress(), tmp_path.joinpath)
    with anyio.fail_after(5):
        await progress.leave()


async def test_a_trace_that_cannot_be_read_is_told_and_the_other_form_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = ViewProgress(NoProgress(), tmp_path.joinpath)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(progress.animate)
            progress.show(run_started("q"))
            await progress.leave()
    missing = f"Cannot read trace {str(tmp_path / 'r1')!r}: No such file or directory"
    told = f"rlm: warning: The viewer failed (TraceError: {missing}); the run goes on without it\n"
    assert capsys.readouterr().err == told
