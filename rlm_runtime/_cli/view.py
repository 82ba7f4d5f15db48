"""`rlm view`: show a run as a tree of its nodes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from rlm_runtime._cli.command import Command
from rlm_runtime._cli.finding import find_trace, trace_dir_option
from rlm_runtime._cli.output import write_stdout
from rlm_runtime._cli.printable import one_line
from rlm_runtime._cli.tally import count, describe_spending
from rlm_runtime._cli.tree import Tree
from rlm_runtime._errors import InputError, TraceError
from rlm_runtime._paths import default_trace_dir
from rlm_runtime._trace.places import is_being_written
from rlm_runtime._trace.reader import read_trace


@click.command("view", cls=Command)
@click.argument("run", required=False)
@trace_dir_option
def command(run: str | None, trace_dir: Path | None) -> None:
    """Show a run as a tree of its nodes.

    RUN is an id that `rlm runs` lists, or its beginning, or a trace file; without it the newest
    run is shown.
    """
    path = find_trace(run, trace_dir or default_trace_dir())
    # Asked first: a run that ends meanwhile is then in the trace as ended
    unfinished = "running" if is_being_written(path) else "crashed"
    tree, problem = Tree(), None
    try:
        for event in read_trace(path):
            tree.add(event)
    except TraceError as exc:
        problem = InputError(str(exc))
    if problem is None or tree.tally.run is not None:
        write_stdout(f"{line}\n".encode() for line in _lines(tree, path, unfinished))
    if problem is not None:
        raise problem


def _lines(tree: Tree, path: Path, unfinished: str) -> Iterator[str]:
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
    yield from tree.lines(unfinished)
