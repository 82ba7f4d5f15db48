"""`rlm runs delete` and `rlm runs prune`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
from click.core import ParameterSource

from rlm_runtime._cli.answers import render_json
from rlm_runtime._cli.command import Command
from rlm_runtime._cli.finding import find_trace, trace_dir_option
from rlm_runtime._cli.output import OutputError, write_stdout
from rlm_runtime._cli.quantities import describe_size, read_moment, read_size
from rlm_runtime._cli.removal import delete_run
from rlm_runtime._cli.stderr import tell
from rlm_runtime._cli.summary import STATUSES, RunSummary, summarize
from rlm_runtime._cli.tally import count
from rlm_runtime._errors import InputError
from rlm_runtime._paths import default_trace_dir
from rlm_runtime._trace.places import is_being_written, list_runs

_yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


@click.command("delete", cls=Command)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@_yes_option
@trace_dir_option
@click.pass_context
def delete(ctx: click.Context, /, runs: tuple[str, ...], yes: bool, trace_dir: Path | None) -> None:
    """Delete runs for good, by their ids or the beginnings of these."""
    folder = _folder(ctx, trace_dir)
    found = list(dict.fromkeys(_find(run, folder) for run in runs))
    chosen = [summarize(path) for path in found]
    _ask(f"Delete {_describe(chosen)}?", yes=yes)
    deleted = _delete(chosen, folder)
    tell(f"rlm: {_describe(deleted)} deleted")
    _see_all_gone(chosen, deleted)


@click.command("prune", cls=Command)
@click.option(
    "--older-than",
    metavar="TIME",
    callback=read_moment,
    help="Those not written to since: 30d or an ISO date.",
)
@click.option(
    "--larger-than",
    metavar="SIZE",
    callback=read_size,
    help="The oldest, until all runs together are no larger: 2GB.",
)
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice([status for status in STATUSES if status != "running"]),
    help="Those in this state; may be repeated.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@click.option("--json", "as_json", envvar="RLM_JSON", is_flag=True, help="Print them as JSON.")
@_yes_option
@trace_dir_option
@click.pass_context
def prune(
    ctx: click.Context,
    /,
    older_than: float | None,
    larger_than: int | None,
    statuses: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
    yes: bool,
    trace_dir: Path | None,
) -> None:
    """Delete the runs that all its options choose.

    One that is running is never deleted. Exit status: 0 also where there was nothing to delete.
    """
    if older_than is None and larger_than is None and not statuses:
        raise click.UsageError("Say which runs: --older-than, --larger-than or --status")
    folder = _folder(ctx, trace_dir)
    runs = [summarize(path) for path in list_runs(folder) if os.path.isfile(path)]
    chosen = [
        run
        for run in runs
        if run.status != "running"
        and (not statuses or run.status in statuses)
        and (older_than is None or run.written < older_than)
    ]
    if larger_than is not None:
        chosen = _oldest(chosen, sum(run.size for run in runs) - larger_than)
    deleted = chosen
    if chosen and not dry_run:
        _ask(f"Delete {_describe(chosen)}?", yes=yes, shown=chosen)
        deleted = _delete(chosen, folder)
    _show(deleted, as_json=as_json, would="would be " if dry_run else "")
    _see_all_gone(chosen, deleted)


def _folder(ctx: click.Context, trace_dir: Path | None) -> Path:
    """Take what the command was given, else what `rlm runs` was, both before the variable."""
    given = ctx.get_parameter_source("trace_dir") is ParameterSource.COMMANDLINE
    of_group: Path | None = ctx.obj
    return (trace_dir if given else of_group or trace_dir) or default_trace_dir()


def _oldest(runs: Sequence[RunSummary], excess: int) -> list[RunSummary]:
    """Take the oldest runs, newest first, until they have this many bytes together."""
    taken: list[RunSummary] = []
    for run in sorted(runs, key=lambda run: run.written):
        if excess <= 0:
            break
        taken.append(run)
        excess -= run.size
    names = {run.id for run in taken}
    return [run for run in runs if run.id in names]


def _find(run: str, trace_dir: Path) -> Path:
    """Find a run that can be deleted.

    Raises:
        InputError: There is no such run in the folder, or it is running.
    """
    path = find_trace(run, trace_dir)
    if os.path.abspath(path.parent.parent) != os.path.abspath(trace_dir):
        raise InputError(f"Cannot delete {run!r}: it is not in {str(trace_dir)!r}")
    if is_being_written(path):
        raise InputError(f"Cannot delete run {run!r}: it is running")
    return path


def _ask(question: str, *, yes: bool, shown: Sequence[RunSummary] = ()) -> None:
    """Ask the user, unless there is nothing to ask any more.

    Raises:
        UsageError: Nobody is there to be asked.
        Abort: The answer is no.
    """
    if yes:
        return
    if sys.stdin is None or not sys.stdin.isatty():
        raise click.UsageError("Nobody can be asked here: --yes deletes without asking")
    for run in shown:
        tell(run.as_row())
    tell(f"{question} [y/N] ", end="")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise click.Abort


def _delete(runs: Sequence[RunSummary], folder: Path) -> list[RunSummary]:
    """Delete what can be deleted, and give that."""
    deleted = []
    for run in runs:
        try:
            delete_run(folder, run.id)
        except OutputError as exc:
            tell(f"rlm: {exc}")
        else:
            deleted.append(run)
    return deleted


def _see_all_gone(chosen: Sequence[RunSummary], deleted: Sequence[RunSummary]) -> None:
    if kept := len(chosen) - len(deleted):
        raise OutputError(f"Cannot delete {count(kept, 'run')} of {len(chosen):,}")


def _describe(runs: Sequence[RunSummary]) -> str:
    return f"{count(len(runs), 'run')}, {describe_size(sum(run.size for run in runs))}"


def _show(runs: Sequence[RunSummary], *, as_json: bool, would: str) -> None:
    if as_json:
        write_stdout(render_json([run.as_json() for run in runs]).chunks)
    else:
        write_stdout(f"{line}\n".encode() for line in _lines(runs, would))


def _lines(runs: Sequence[RunSummary], would: str) -> Iterator[str]:
    yield from (run.as_row() for run in runs)
    yield f"{_describe(runs)} {would}deleted"
