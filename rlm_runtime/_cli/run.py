"""`rlm run`: answer a question about a context."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import anyio
import click

from rlm_runtime._cli.command import is_debugging
from rlm_runtime._cli.ending import check_output, conclude, output_options
from rlm_runtime._cli.execute import execute
from rlm_runtime._cli.model_options import take_model_options
from rlm_runtime._cli.otel_option import with_spans
from rlm_runtime._cli.run_view import check_view, choose_progress
from rlm_runtime._cli.schema import load_schema
from rlm_runtime._cli.sections import SectionedCommand
from rlm_runtime._cli.settings import make_settings, setting_options
from rlm_runtime._cli.stderr import tell
from rlm_runtime._context import SkippedFile, load_context, load_task
from rlm_runtime._errors import InputError
from rlm_runtime._modes import DIRECT_BELOW_CHARS, MODES
from rlm_runtime._printable import printable
from rlm_runtime._trace.places import find_run

_SKIPPED_FILES_SHOWN = 10


@click.command("run", cls=SectionedCommand)
@click.argument("task", required=False)
@click.option("-p", "--prompt", metavar="TEXT", help="The task itself, instead of a file.")
@click.option(
    "-c",
    "--context",
    "contexts",
    multiple=True,
    metavar="PATH",
    help="A file, folder, quoted glob, or - for stdin; may be repeated.",
)
@click.option(
    "--schema",
    envvar="RLM_SCHEMA",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A JSON schema that the answer must follow.",
)
@setting_options
@click.option(
    "--mode",
    envvar="RLM_MODE",
    type=click.Choice(MODES),
    default="rlm",
    show_default=True,
    help="How to answer: with a REPL; by one call that reads all of it; or whichever fits.",
)
@click.option(
    "--direct-below-chars",
    metavar="N",
    envvar="RLM_DIRECT_BELOW_CHARS",
    type=click.IntRange(min=0),
    default=DIRECT_BELOW_CHARS,
    show_default=True,
    help="How short task and context must be for --mode auto to answer directly.",
)
@output_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    task: str | None,
    prompt: str | None,
    contexts: tuple[str, ...],
    schema: Path | None,
    otel: bool,
    as_json: bool,
    output: Path | None,
    quiet: bool,
    view: bool,
    **options: Any,  # the settings and limits, each checked by its option
) -> None:
    """Answer a question about a context of any size.

    TASK is a text file, or - for stdin. Without -c the task is its own context. Each option but
    -p, -c and -o has a variable too, --max-calls RLM_MAX_CALLS and so on; the option wins. The
    API key is in RLM_API_KEY, else in OPENAI_API_KEY, and for other providers in variables of
    their own.

    Exit status: 0 answered, 1 answer not written or unexpected error, 2 usage, 10 input
    unreadable, 11 not configured, 20 model failed, 21 sandbox cannot start, 30 stopped by a
    limit or without an answer, 130 interrupted.
    """
    _check_usage(task, prompt, contexts)
    check_view(view)
    output = check_output(output)
    settings = make_settings(models=take_model_options(options), **options)
    query = _read_task(task) if task is not None else prompt or ""
    answer_schema = load_schema(schema) if schema else None
    context = load_context(contexts, stdin=_stdin()) if contexts else None
    _warn_of_skipped(context.skipped if context else ())
    find = partial(find_run, settings.trace_dir)
    progress = choose_progress(view=view, quiet=quiet, find=find)
    open_runner = with_spans(settings.open_runner) if otel else settings.open_runner
    outcome = anyio.run(partial(execute, open_runner, query, context, progress, answer_schema))
    run = outcome.tally.run
    status = conclude(
        outcome,
        find_run(settings.trace_dir, run) if run else None,
        as_json=as_json,
        output=output,
        quiet=quiet,
        debug=is_debugging(ctx),
    )
    ctx.exit(status)


def _check_usage(task: str | None, prompt: str | None, contexts: tuple[str, ...]) -> None:
    """Find what is wrong before anything is read or paid for.

    Raises:
        UsageError: The arguments do not go together.
    """
    if (task is None) == (prompt is None):
        raise click.UsageError("Give the task as a file or with -p TEXT, one of the two")
    if prompt is not None and not prompt.strip():
        raise click.UsageError("The task given with -p is empty")
    if task == "-" and "-" in contexts:
        raise click.UsageError("Only one of task and context can come from stdin")


def _read_task(path: str) -> str:
    try:
        return load_task(path, stdin=_stdin())
    except InputError as exc:
        if path != "-" and not os.path.exists(path):
            exc.add_note("-p TEXT gives the task itself instead of a file")
        raise


def _stdin() -> BinaryIO:
    # None where the process was started with stdin closed
    return io.BytesIO() if sys.stdin is None else sys.stdin.buffer


def _warn_of_skipped(skipped: Sequence[SkippedFile]) -> None:
    for file in skipped[:_SKIPPED_FILES_SHOWN]:
        name = printable(repr(file.path))
        tell(f"rlm: warning: Left {name} out of the context: {file.reason}")
    if (more := len(skipped) - _SKIPPED_FILES_SHOWN) > 0:
        tell(f"rlm: warning: Left {more} more out of the context")
