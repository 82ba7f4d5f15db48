"""`rlm fork`: begin a run that does what another one did, and goes on differently."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import click

from rlm_runtime._cli.command import is_debugging
from rlm_runtime._cli.ending import check_output, conclude, output_options
from rlm_runtime._cli.execute import Outcome, execute_work
from rlm_runtime._cli.finding import find_trace
from rlm_runtime._cli.otel_option import with_spans
from rlm_runtime._cli.recorded import read_run
from rlm_runtime._cli.resume import settings_of
from rlm_runtime._cli.run_view import check_view, choose_progress
from rlm_runtime._cli.schema import load_schema, recorded_schema_option
from rlm_runtime._cli.sections import GoingOnCommand
from rlm_runtime._cli.settings import setting_options
from rlm_runtime._cli.tally import Tally
from rlm_runtime._errors import InputError, TraceError
from rlm_runtime._paths import default_trace_dir
from rlm_runtime._trace.places import find_run
from rlm_runtime._trace.reader import read_trace

if TYPE_CHECKING:  # the command line must be able to start without the engine
    from rlm_runtime._rlm import RLM
    from rlm_runtime._runner import RunResult

_PLACE = re.compile(r"(\d{1,9}):(\d{1,9})", re.ASCII)


def _parse_place(_ctx: click.Context, _param: click.Parameter, text: str) -> tuple[int, int]:
    found = _PLACE.fullmatch(text.strip())
    if found is None:
        raise click.BadParameter(f"{text!r} is not of the form NODE:ITERATION, such as 0:3")
    return int(found[1]), int(found[2])


@click.command("fork", cls=GoingOnCommand)
@click.argument("run")
@click.option(
    "--at",
    required=True,
    metavar="NODE:ITERATION",
    callback=_parse_place,
    help="The node, and its reply from 1, that is asked for anew.",
)
@click.option("--say", metavar="TEXT", help="What the node is told in addition, as from you.")
@recorded_schema_option
@setting_options
@output_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    run: str,
    at: tuple[int, int],
    say: str | None,
    schema: Path | None,
    otel: bool,
    as_json: bool,
    output: Path | None,
    quiet: bool,
    view: bool,
    **options: Any,  # the settings and limits, each checked by its option
) -> None:
    """Begin a run that does what another one did, and goes on differently.

    RUN is the id of a run or the beginning of it, its trace file, or the folder of one, however
    it ended. The new run has a trace of its own, which begins with all that RUN had done when it
    asked for that reply. What RUN was answered later is taken for the same requests. All settings
    are those that it had, but for those given here, such as another model; limits hold with what
    is shared. `rlm view RUN` shows the nodes.

    Exit status: as `rlm run`.
    """
    check_view(view)
    output = check_output(output)
    answer_schema = load_schema(schema) if schema else None
    options["trace_dir"] = options["trace_dir"] or default_trace_dir()
    path = find_trace(run, options["trace_dir"])
    shared = _read_shared(path, at)
    outcome = _fork(
        ctx, path, shared, at, say, answer_schema, options, otel=otel, quiet=quiet, view=view
    )
    status = conclude(
        outcome,
        find_run(options["trace_dir"], outcome.tally.run or ""),
        as_json=as_json,
        output=output,
        quiet=quiet,
        debug=is_debugging(ctx),
    )
    ctx.exit(status)


def _read_shared(path: Path, at: tuple[int, int]) -> Tally:
    """Add up what a fork shares with a run.

    Raises:
        UsageError: The run has no such reply.
        InputError: Its trace is damaged.
    """
    # The engine loads only where it is needed
    from rlm_runtime._engine.fork_points import find_fork_point

    try:
        point = find_fork_point(read_trace(path), *at)
    except InputError as exc:
        raise click.UsageError(str(exc)) from exc
    except TraceError as exc:
        raise InputError(str(exc)) from exc
    tally = Tally()
    for event in read_trace(path):
        if event.seq >= point.seq:
            break
        tally.add(event)
    return tally


def _fork(
    ctx: click.Context,
    path: Path,
    shared: Tally,
    at: tuple[int, int],
    say: str | None,
    schema: Mapping[str, object] | None,
    options: dict[str, Any],
    *,
    otel: bool,
    quiet: bool,
    view: bool,
) -> Outcome:
    settings, limits = settings_of(ctx, read_run(path), options)

    async def work(rlm: RLM) -> RunResult:
        return await rlm.fork(path, at=at, say=say, output_type=schema, limits=limits)

    open_runner = with_spans(settings.open_runner) if otel else settings.open_runner
    find = partial(find_run, settings.trace_dir)
    progress = choose_progress(view=view, quiet=quiet, find=find, recorded=shared)
    return anyio.run(partial(execute_work, open_runner, work, progress, shared))
