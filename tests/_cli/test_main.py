"""The command line as a process: it starts light and lists its commands truthfully."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from rlm_runtime._cli import cli

HEAVY = ("anyio", "httpx", "litellm", "textual", "pydantic", "asyncio", "msgpack")


@pytest.mark.parametrize("args", [["--help"], ["-h"]])
def test_help_imports_nothing_heavy(args: list[str]) -> None:
    program = (
        "import sys\n"
        "from rlm_runtime._cli import main\n"
        f"sys.argv = ['rlm', *{args!r}]\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        f"    print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stderr == b"[]\n"
    assert b"Answer a question about a context of any size." in done.stdout


def test_no_command_loads_the_viewer_before_it_is_asked_for() -> None:
    program = (
        "import click, sys\n"
        "from rlm_runtime._cli import cli\n"
        "ctx = click.Context(cli)\n"
        "loaded = [cli.get_command(ctx, name).name for name in cli.list_commands(ctx)]\n"
        "assert 'view' in loaded and len(loaded) > 5, loaded\n"
        "print([name for name in ('textual', 'rlm_runtime._tui') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout == b"[]\n"


def test_module_runs_as_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rlm_runtime"], capture_output=True, check=False, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: rlm [OPTIONS] COMMAND")


def test_list_of_commands_says_what_each_says_of_itself() -> None:
    context = click.Context(cli)
    shown = cli.get_help(context)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert " ".join(shown.split()).count(f"{name} {command.get_short_help_str(100)}") == 1


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["resume"], "Missing argument 'RUN'"),
        (["export"], "Missing option '--to'. Choose from: html, jsonl, chat, otel"),
        (["runs", "none"], "No such command 'none'"),
        (["runs", "-n", "0"], "Invalid value for '-n' / '--limit': 0 is not in the range x>=1"),
    ],
)
def test_usage_errors_are_one_line_without_a_full_stop(args: list[str], message: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rlm_runtime", *args], capture_output=True, check=False, text=True
    )
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, f"rlm: {message}")
    assert len(done.stderr.splitlines()) == 2
