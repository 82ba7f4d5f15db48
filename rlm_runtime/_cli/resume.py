"""`rlm resume`: go on with a run that was stopped, interrupted or killed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import click

from rlm_runtime._cli.command import is_debugging
from rlm_runtime._cli.ending import check_output, conclude, output_options
from rlm_runtime._cli.execute import Outcome, execute_work
from rlm_runtime._cli.finding import find_trace
from rlm_runtime._cli.model_options import take_model_options
from rlm_runtime._cli.otel_option import with_spans
from rlm_runtime._cli.recorded import (
    RecordedRun,
    fill_in,
    fill_in_limits,
    may_have_key,
    missing_members,
    read_run,
    recorded_url,
)
from rlm_runtime._cli.run_view import check_view, choose_progress, show_answered
from rlm_runtime._cli.schema import load_schema, recorded_schema_option
from rlm_runtime._cli.sections import GoingOnCommand
from rlm_runtime._cli.settings import Settings, make_settings, setting_options
from rlm_runtime._cli.stderr import tell
from rlm_runtime._config import read_environment
from rlm_runtime._errors import InputError
from rlm_runtime._limits import Limits
from rlm_runtime._paths import default_trace_dir
from rlm_runtime._settings import read_settings
from rlm_runtime._trace.places import is_being_written

if TYPE_CHECKING:  # the command line must be able to start without the engine
    from rlm_runtime._rlm import RLM
    from rlm_runtime._runner import RunResult


@click.command("resume", cls=GoingOnCommand)
@click.argument("run")
@recorded_schema_option
@setting_options
@output_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    run: str,
    schema: Path | None,
    otel: bool,
    as_json: bool,
    output: Path | None,
    quiet: bool,
    view: bool,
    **options: Any,  # the settings and limits, each checked by its option
) -> None:
    """Go on with a run that was stopped, interrupted or killed.

    RUN is the id of a run or the beginning of it, its trace file, or the folder of one. What the
    run has paid for is not asked again: its code is run again with what it was told before. All
    settings are those that it had, but for those given here; limits hold for all of it, and more
    can be granted, as with --max-cost. Keys, tools, the values of --model-option and
    what was recalled from are not in the trace. A run that was answered gives its answer at once;
    with --view when the viewer is left.

    Exit status: as `rlm run`.
    """
    check_view(view)
    output = check_output(output)
    answer_schema = load_schema(schema) if schema else None
    path = find_trace(run, options["trace_dir"] or default_trace_dir())
    if is_being_written(path):
        raise InputError(f"Cannot resume run {run!r}: it is running")
    recorded = read_run(path)
    if recorded.tally.stop_reason == "answered":
        outcome = anyio.run(partial(_repeat, path, answer_schema, recorded))
        if view and outcome.error is None:
            show_answered(path)
    else:
        outcome = _resume(
            ctx, path, recorded, answer_schema, options, otel=otel, quiet=quiet, view=view
        )
    status = conclude(
        outcome, path, as_json=as_json, output=output, quiet=quiet, debug=is_debugging(ctx)
    )
    ctx.exit(status)


def _resume(
    ctx: click.Context,
    path: Path,
    recorded: RecordedRun,
    schema: Mapping[str, object] | None,
    options: dict[str, Any],
    *,
    otel: bool,
    quiet: bool,
    view: bool,
) -> Outcome:
    settings, limits = settings_of(ctx, recorded, options)

    async def go_on(rlm: RLM) -> RunResult:
        return await rlm.resume(path, output_type=schema, limits=limits)

    open_runner = with_spans(settings.open_runner) if otel else settings.open_runner
    progress = choose_progress(view=view, quiet=quiet, find=lambda _: path, recorded=recorded.tally)
    return anyio.run(partial(execute_work, open_runner, go_on, progress, recorded.tally))


def settings_of(
    ctx: click.Context, recorded: RecordedRun, options: dict[str, Any]
) -> tuple[Settings, Limits]:
    """Give the settings and limits of a run, but for those that the user gave.

    Raises:
        UsageError: They do not go together.
        ConfigError: There is no model, or no such tool.
    """
    had = read_settings(recorded.settings)
    if had.get("recall_only") is True and not options["recall"]:
        raise click.UsageError(
            "The run asked no model: name what it recalls from with --recall RUN, and add"
            " --recall-only to ask none again"
        )
    fill_in(ctx, options, had)
    models = take_model_options(options)
    if url := recorded_url(ctx, had):
        if may_have_key(url):
            options["base_url"] = url
        else:
            _warn_of_key(url)
            models = replace(models, base_url=url)
    if isinstance(had.get("prompts"), str) and options["prompts"] is None:
        tell(f"rlm: warning: The run had --prompts {had['prompts']}; a trace cannot choose files")
    for name in missing_members(had, models.extra):
        tell(f"rlm: warning: The run had --model-option {name}=…, whose value is not in its trace")
    if recorded.tally.mode == "direct":
        options["mode"] = "direct"
    settings = make_settings(models=models, **options)
    return settings, fill_in_limits(settings.limits, recorded, options)


def _warn_of_key(url: str) -> None:
    if read_environment().api_key is not None:
        tell(
            f"rlm: warning: The key is not sent to {url}, which only the trace names; "
            "give it with --base-url to send it"
        )


async def _repeat(
    path: Path, schema: Mapping[str, object] | None, recorded: RecordedRun
) -> Outcome:
    """Give the answer that the run has, without a model or a sandbox."""
    # The engine loads only where it is needed
    from rlm_runtime._answer_types.base import answer_type_of
    from rlm_runtime._resuming import read_recorded
    from rlm_runtime._runner import repeat

    outcome = Outcome(tally=recorded.tally)
    try:
        answer_type = None if schema is None else answer_type_of(schema)
        outcome.result = await repeat(await read_recorded(path, answer_type))
    except Exception as error:
        outcome.error = error
    return outcome
