"""`rlm runs`: list the runs, and delete those that nobody needs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import click
from click.core import ParameterSource

from rlm_runtime._cli.answers import render_json
from rlm_runtime._cli.command import Group
from rlm_runtime._cli.deleting import delete, prune
from rlm_runtime._cli.finding import trace_dir_option
from rlm_runtime._cli.output import write_stdout
from rlm_runtime._cli.quantities import describe_size, read_moment
from rlm_runtime._cli.summary import HEADINGS, STATUSES, RunSummary, summarize
from rlm_runtime._cli.tally import count
from rlm_runtime._paths import default_trace_dir
from rlm_runtime._trace.places import list_runs

Wanted = Callable[[RunSummary], bool]


@click.group("runs", cls=Group, invoke_without_command=True)
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice(STATUSES),
    help="Only those in this state; may be repeated.",
)
@click.option("--model", metavar="TEXT", help="Only those with this in the name of a model.")
@click.option("--query", metavar="TEXT", help="Only those with this in the beginning of the query.")
@click.option(
    "--since",
    metavar="TIME",
    callback=read_moment,
    help="Only those begun since: 2h, 7d or an ISO date.",
)
@click.option("--before", metavar="TIME", callback=read_moment, help="Only those begun before.")
@click.option(
    "-n", "--limit", type=click.IntRange(1), metavar="N", help="Only the newest N of them."
)
@click.option("--json", "as_json", envvar="RLM_JSON", is_flag=True, help="Print a JSON list.")
@trace_dir_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    statuses: tuple[str, ...],
    model: str | None,
    query: str | None,
    since: float | None,
    before: float | None,
    limit: int | None,
    as_json: bool,
    trace_dir: Path | None,
) -> None:
    """List the runs, newest first; delete what nobody needs.

    Their states: running; answered; stopped by a limit, or without an answer; interrupted;
    failed; crashed, as by kill -9; unreadable.
    """
    if ctx.invoked_subcommand is not None:
        _refuse_filters(ctx)
        ctx.obj = trace_dir
        return
    tests: list[Wanted] = []
    if statuses:
        tests.append(lambda run: run.status in statuses)
    if model is not None:
        tests.append(lambda run: _has(model, run.tally.model, run.tally.sub_model))
    if query is not None:
        tests.append(lambda run: _has(query, run.tally.query))
    if since is not None:
        tests.append(lambda run: run.started >= since)
    if before is not None:
        tests.append(lambda run: run.started < before)
    summaries = islice(_find(trace_dir or default_trace_dir(), tests), limit)
    if as_json:
        write_stdout(render_json([summary.as_json() for summary in summaries]).chunks)
    else:
        write_stdout(f"{row}\n".encode() for row in _table(summaries))


command.add_command(delete)
command.add_command(prune)


def _refuse_filters(ctx: click.Context) -> None:
    """See that what is for the list is not taken for what is to be deleted."""
    for param in ctx.command.params:
        given = param.name and ctx.get_parameter_source(param.name) is ParameterSource.COMMANDLINE
        if given and param.name not in ("trace_dir", "debug"):
            raise click.UsageError(
                f"{param.opts[-1]} is for the list; {ctx.invoked_subcommand} has options of its own"
            )


def _find(trace_dir: Path, tests: list[Wanted]) -> Iterator[RunSummary]:
    for path in list_runs(trace_dir):
        # A pipe of this name would hold up whoever opens it
        if os.path.isfile(path):
            summary = summarize(path)
            if all(test(summary) for test in tests):
                yield summary


def _has(text: str, *places: str) -> bool:
    return any(text.casefold() in place.casefold() for place in places)


def _table(summaries: Iterator[RunSummary]) -> Iterator[str]:
    yield HEADINGS
    runs = size = 0
    for summary in summaries:
        runs, size = runs + 1, size + summary.size
        yield summary.as_row()
    yield f"{count(runs, 'run')}, {describe_size(size)}"
