"""`rlm run`: answer a question about a context."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Literal

import anyio
import click

from rlm_runtime._cli.command import is_debugging
from rlm_runtime._cli.execute import Outcome, Runner, execute
from rlm_runtime._cli.limit_options import limit_options, make_limits
from rlm_runtime._cli.model_options import ModelOptions, model_options, take_model_options
from rlm_runtime._cli.models import NO_MODEL
from rlm_runtime._cli.otel_option import otel_option, with_spans
from rlm_runtime._cli.output import OutputError, check_writable
from rlm_runtime._cli.printable import printable
from rlm_runtime._cli.progress import make_progress
from rlm_runtime._cli.report import deliver, make_report
from rlm_runtime._cli.schema import load_schema
from rlm_runtime._cli.sections import SectionedCommand
from rlm_runtime._cli.status import ExitStatus, describe_error
from rlm_runtime._cli.stderr import tell
from rlm_runtime._cli.tool_options import make_tools, tool_options
from rlm_runtime._context import SkippedFile, load_context, load_task
from rlm_runtime._errors import ConfigError, InputError
from rlm_runtime._events import Event
from rlm_runtime._limits import Limits
from rlm_runtime._modes import DIRECT_BELOW_CHARS, MODES, AskedMode
from rlm_runtime._paths import default_trace_dir
from rlm_runtime._trace.places import find_run

_SKIPPED_FILES_SHOWN = 10
_STDOUT = (Path("-"), Path("/dev/stdout"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settings:
    """What the options and variables say about how to run."""

    model: str
    sub_models: tuple[str, ...]
    base_url: str | None
    models: ModelOptions
    limits: Limits
    tools: list[Any]
    child_tools: Literal["same", "none"]
    mode: AskedMode
    direct_below_chars: int
    packages: tuple[str, ...]
    spare_sandboxes: int | None
    prompts: Path | None
    trace_dir: Path
    recall: tuple[str, ...]
    recall_only: bool

    def open_runner(
        self, on_event: Callable[[Event], None], on_setup: Callable[[str], None]
    ) -> AbstractAsyncContextManager[Runner]:
        """Make the `RLM` to run with."""
        # The engine, httpx and the sandbox load only for a run whose input is in order
        from rlm_runtime._rlm import RLM

        return RLM(
            self.models.resolve(self.model),
            sub_model=[self.models.resolve(name) for name in self.sub_models],
            models=self.models.resolve_aliases(),
            base_url=self.base_url,
            limits=self.limits,
            tools=self.tools,
            child_tools=self.child_tools,
            mode=self.mode,
            direct_below_chars=self.direct_below_chars,
            packages=self.packages,
            spare_sandboxes=self.spare_sandboxes,
            trace_dir=self.trace_dir,
            recall=self.recall,
            recall_only=self.recall_only,
            prompts=self.prompts,
            on_event=on_event,
            on_setup=on_setup,
        )


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
    "-m",
    "--model",
    metavar="MODEL",
    envvar="RLM_MODEL",
    help="The model, as litellm or the endpoint names it, such as openai/gpt-5.",
)
@click.option(
    "--sub-model",
    "sub_models",
    envvar="RLM_SUB_MODEL",
    multiple=True,
    metavar="MODEL",
    help="The model of sub-calls; may be repeated, one for each depth, the last for all below.",
)
@click.option(
    "--schema",
    envvar="RLM_SCHEMA",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A JSON schema that the answer must follow.",
)
@click.option(
    "--base-url",
    metavar="URL",
    envvar="RLM_BASE_URL",
    help="An OpenAI-compatible endpoint, such as http://localhost:11434/v1.",
)
@model_options
@limit_options
@tool_options
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
@click.option(
    "--package",
    "packages",
    envvar="RLM_PACKAGE",
    multiple=True,
    metavar="NAME",
    help="A package that the code may import, such as attrs>=25; may be repeated.",
)
@click.option(
    "--spare-sandboxes",
    metavar="N",
    envvar="RLM_SPARE_SANDBOXES",
    type=click.IntRange(min=0),
    help="Sandboxes that are kept ready for child nodes.  [default: as many as they need]",
)
@click.option(
    "--prompts",
    envvar="RLM_PROMPTS",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of prompts to use instead of the built-in ones.",
)
@click.option(
    "--trace-dir",
    envvar="RLM_TRACE_DIR",
    type=click.Path(path_type=Path),
    help="The folder that holds a folder for each run.  [default: in the user's state folder]",
)
@click.option(
    "--recall",
    envvar="RLM_RECALL",
    multiple=True,
    metavar="RUN",
    help="A run whose recorded replies are taken for the same requests; may be repeated.",
)
@click.option(
    "--recall-only",
    envvar="RLM_RECALL_ONLY",
    is_flag=True,
    help="Ask no model: a request that is not on record ends the run.",
)
@otel_option
@click.option("--json", "as_json", envvar="RLM_JSON", is_flag=True, help="Print one JSON object.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write to a file instead of stdout; it is replaced when all is there.",
)
@click.option("-q", "--quiet", envvar="RLM_QUIET", is_flag=True, help="Show no progress.")
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
    if output in _STDOUT:
        output = None
    _check_usage(task, prompt, contexts, output)
    settings = _make_settings(models=take_model_options(options), **options)
    query = _read_task(task) if task is not None else prompt or ""
    answer_schema = load_schema(schema) if schema else None
    context = load_context(contexts, stdin=_stdin()) if contexts else None
    _warn_of_skipped(context.skipped if context else ())
    progress = make_progress(quiet=quiet)
    open_runner = with_spans(settings.open_runner) if otel else settings.open_runner
    outcome = anyio.run(partial(execute, open_runner, query, context, progress, answer_schema))
    status = _conclude(
        outcome,
        settings.trace_dir,
        as_json=as_json,
        output=output,
        quiet=quiet,
        debug=is_debugging(ctx),
    )
    ctx.exit(status)


def _check_usage(
    task: str | None, prompt: str | None, contexts: tuple[str, ...], output: Path | None
) -> None:
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
    if output is not None:
        try:
            check_writable(output)
        except OutputError as exc:
            raise click.UsageError(str(exc)) from exc


def _make_settings(
    *,
    model: str | None,
    sub_models: tuple[str, ...],
    base_url: str | None,
    models: ModelOptions,
    mcp_servers: tuple[str, ...],
    functions: tuple[str, ...],
    child_tools: Literal["same", "none"],
    mode: AskedMode,
    direct_below_chars: int,
    packages: tuple[str, ...],
    spare_sandboxes: int | None,
    prompts: Path | None,
    trace_dir: Path | None,
    recall: tuple[str, ...] = (),
    recall_only: bool = False,
    **limits: int | float | str | None,
) -> _Settings:
    checked_limits = make_limits(limits)
    if recall_only and not recall:
        raise click.UsageError("--recall-only needs a run: name one with --recall RUN")
    if model is None:
        raise ConfigError(NO_MODEL)
    models.check_prices([model, *sub_models])
    return _Settings(
        model=model,
        sub_models=sub_models,
        base_url=base_url,
        models=models,
        limits=checked_limits,
        tools=make_tools(mcp_servers, functions),
        child_tools=child_tools,
        mode=mode,
        direct_below_chars=direct_below_chars,
        packages=packages,
        spare_sandboxes=spare_sandboxes,
        prompts=prompts,
        trace_dir=trace_dir or default_trace_dir(),
        recall=recall,
        recall_only=recall_only,
    )


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


def _conclude(
    outcome: Outcome,
    trace_dir: Path,
    *,
    as_json: bool,
    output: Path | None,
    quiet: bool,
    debug: bool,
) -> ExitStatus:
    """Deliver the answer, and tell on stderr how the run ended."""
    run = outcome.tally.run
    if run is None and outcome.error is not None:
        raise outcome.error
    trace = find_run(trace_dir, run) if run else None
    report = make_report(outcome, trace if trace and trace.is_file() else None)
    if outcome.signum is not None:
        tell("rlm: Interrupted")
    elif outcome.error is not None:
        tell(describe_error(outcome.error, debug=debug))
    status = deliver(report, as_json=as_json, file=output)
    if not quiet or outcome.signum is not None:
        tell(report.summary())
    return status
