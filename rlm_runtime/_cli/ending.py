"""The end of a run on the command line: where its answer goes, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from rlm_runtime._cli.execute import Outcome
from rlm_runtime._cli.output import OutputError, check_writable
from rlm_runtime._cli.report import deliver, make_report
from rlm_runtime._cli.run_view import view_option
from rlm_runtime._cli.status import ExitStatus, describe_error
from rlm_runtime._cli.stderr import tell

_STDOUT = (Path("-"), Path("/dev/stdout"))

_OPTIONS = (
    click.option(
        "--json", "as_json", envvar="RLM_JSON", is_flag=True, help="Print one JSON object."
    ),
    click.option(
        "-o",
        "--output",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Write to a file instead of stdout; it is replaced when all is there.",
    ),
    click.option("-q", "--quiet", envvar="RLM_QUIET", is_flag=True, help="Show no progress."),
    view_option,
)


def output_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say how its answer is told."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def check_output(output: Path | None) -> Path | None:
    """Give the file that the answer goes to, if it is not stdout.

    Raises:
        UsageError: It cannot be written.
    """
    if output is None or output in _STDOUT:
        return None
    try:
        check_writable(output)
    except OutputError as exc:
        raise click.UsageError(str(exc)) from exc
    return output


def conclude(
    outcome: Outcome,
    trace: Path | None,
    *,
    as_json: bool,
    output: Path | None,
    quiet: bool,
    debug: bool,
) -> ExitStatus:
    """Deliver the answer, and tell on stderr how the run ended.

    Raises:
        Exception: What kept the run from beginning, or from going on at all.
    """
    if outcome.error is not None and not outcome.began:
        raise outcome.error
    report = make_report(outcome, trace if trace and trace.is_file() else None)
    if outcome.signum is not None:
        tell("rlm: Interrupted")
    elif outcome.error is not None:
        tell(describe_error(outcome.error, debug=debug))
    status = deliver(report, as_json=as_json, file=output)
    if not quiet or outcome.signum is not None:
        tell(report.summary())
    return status
