"""`rlm view`: look at a run, or print the tree of its nodes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import anyio
import click

from rlm_runtime._cli.command import Command
from rlm_runtime._cli.finding import find_trace, trace_dir_option
from rlm_runtime._cli.following import tell_until_end, wait_for_run
from rlm_runtime._cli.going_on import resume_command
from rlm_runtime._cli.output import write_stdout
from rlm_runtime._cli.run_view import lacks_for_viewer
from rlm_runtime._cli.tally import Tally, count, describe_fork, describe_spending
from rlm_runtime._cli.tree import Tree
from rlm_runtime._errors import InputError, TraceError
from rlm_runtime._paths import default_trace_dir
from rlm_runtime._printable import one_line
from rlm_runtime._trace.places import is_being_written
from rlm_runtime._trace.reader import read_trace


@click.command("view", cls=Command)
@click.argument("run", required=False)
@click.option("--follow", is_flag=True, help="Stay at the newest event while the run goes on.")
@click.option(
    "--plain", is_flag=True, help="Print the tree instead, as where there is no terminal."
)
@click.option("--diff", "other", metavar="RUN", help="Compare with another run.")
@trace_dir_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    run: str | None,
    trace_dir: Path | None,
    *,
    follow: bool,
    plain: bool,
    other: str | None,
) -> None:
    """Look at a run: its tree, its timeline, and all that its nodes said and did.

    RUN is the id of a run or the beginning of it, its trace file, or the folder of one; without
    it the newest run is shown, or with --follow the newest one that goes on or is yet to begin.
    Where there is no terminal, --follow tells the events of note until the run ends.
    """
    trace_dir = trace_dir or default_trace_dir()
    other_path = None if other is None else find_trace(other, trace_dir)
    path = wait_for_run(trace_dir) if follow and run is None else find_trace(run, trace_dir)
    if plain or lacks_for_viewer():
        if follow:
            anyio.run(tell_until_end, path)
        if other_path is None:
            _print_tree(path)
        else:
            _print_differences(path, other_path)
    else:
        signum = _open_viewer(path, follow=follow, other=other_path)
        if signum is not None:
            ctx.exit(128 + signum)


def _open_viewer(path: Path, *, follow: bool, other: Path | None) -> int | None:
    """Show a run until the user leaves it; give the signal that ended that, if one did."""
    # Not before it is needed: other commands must start without a terminal's toolkit
    from rlm_runtime._tui.opening import view_run

    how = partial(resume_command, path)
    try:
        return anyio.run(partial(view_run, path, follow=follow, other=other, resume_command=how))
    except TraceError as exc:
        raise InputError(str(exc)) from exc


def _print_tree(path: Path) -> None:
    # Asked first: a run that ends meanwhile is then in the trace as ended
    unfinished = "running" if is_being_written(path) else "crashed"
    tree, problem = Tree(), None
    try:
        for event in read_trace(path):
            tree.add(event)
    except TraceError as exc:
        problem = InputError(str(exc))
    if problem is None or tree.tally.run is not None:
        write_stdout(f"{line}\n".encode() for line in describe_run(tree, path, unfinished))
    if problem is not None:
        raise problem


def _print_differences(path: Path, other: Path) -> None:
    # Not before it is needed, as above
    from rlm_runtime._tui.comparing.report import report_differences

    try:
        lines = anyio.run(report_differences, path, other)
    except TraceError as exc:
        raise InputError(str(exc)) from exc
    write_stdout(f"{line}\n".encode() for line in lines)


def describe_run(tree: Tree, path: Path, unfinished: str) -> Iterator[str]:
    """Give the lines that show a run; `unfinished` is the word for what has no end."""
    tally = tree.tally
    status = one_line(tally.stop_reason or unfinished)
    spent = describe_spending(
        tally.usage,
        tally.seconds,
        max_cost=tally.max_cost,
        tool_calls=tally.tool_calls,
        recalled=tally.recalled.calls,
    )
    if tally.failed_attempts:
        spent += f", {count(tally.failed_attempts, 'failed attempt')}"
    yield f"{one_line(tally.run or str(path))} {status}: {count(tally.nodes, 'node')}, {spent}"
    if tally.mode_reason:
        yield f"mode {one_line(tally.mode)}: {one_line(tally.mode_reason, 200)}"
    yield from _history(tally, unfinished)
    yield from tree.lines(unfinished)
    command = None if status == "running" else resume_command(path, tally.stop_reason)
    if command:
        yield f"{one_line(command, 400)} goes on from here"


def _history(tally: Tally, unfinished: str) -> Iterator[str]:
    """Say where the run comes from, and what became of its sessions."""
    if tally.fork is not None:
        shared = describe_spending(tally.shared, None)
        yield f"forked from {describe_fork(tally.fork)}, which had spent {shared} of it"
    if tally.resumes:
        yield f"resumed {count(tally.resumes, 'time')}"
    lost = tally.lost_attempts + (len(tally.in_flight) if unfinished == "crashed" else 0)
    if lost:
        were = "s at model calls were" if lost > 1 else " at a model call was"
        yield f"{lost:,} attempt{were} under way when it crashed"
